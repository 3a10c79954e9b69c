"""The built-in data sets, each declared by the decorator beside its code."""
