"""Protocols, normalisation, the metric engine and its statistics. numpy only."""
