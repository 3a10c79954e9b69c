"""The built-in normalising distances, each declared by the decorator beside its code."""
