"""Landmarks for photographs and videos: ``pfbench predict``."""
