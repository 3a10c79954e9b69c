"""The built-in codecs of landmarks, each declared by the decorator beside its code."""
