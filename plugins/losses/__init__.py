"""The built-in losses, each declared by the decorator beside its code."""
