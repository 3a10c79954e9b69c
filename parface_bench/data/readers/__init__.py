"""Readers of the files that data sets are distributed as: bytes or paths in, arrays and tables out."""
