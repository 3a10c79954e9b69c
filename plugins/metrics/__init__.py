"""The built-in metrics, each declared by the decorator beside its code."""
