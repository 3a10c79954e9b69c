"""Results: the document of a run, where it comes from, and the folder that keeps them."""
