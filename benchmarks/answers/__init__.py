"""What benchmarks/findings.py is made of: which results count, their numbers, sentences and plots."""
