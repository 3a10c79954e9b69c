"""One run from settings to a recorded result."""
