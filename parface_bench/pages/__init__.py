"""Self-contained HTML pages: the report on a few results, and the board of all recorded ones."""
