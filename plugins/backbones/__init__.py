"""The built-in backbones, each declared by the decorator beside its code."""
