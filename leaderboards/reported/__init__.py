"""Numbers from papers and READMEs, with their sources; data only."""
