"""The report: one page on a result, or on a comparison of a few."""
