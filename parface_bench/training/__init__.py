"""Methods and their stages on the shared runner."""
