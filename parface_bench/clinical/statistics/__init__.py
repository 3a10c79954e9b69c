"""Statistics of clinical measures: agreement, differences between groups, effects, intervals, permutation tests."""
