"""The built-in methods, each declared by the decorator beside its code."""
