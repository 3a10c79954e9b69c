"""The built-in clinical measures, each declared by the decorator beside its code."""
