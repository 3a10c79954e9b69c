"""Heatmaps: encoding landmarks, decoding peaks."""
