"""Numbers from papers and READMEs, with their sources; data only.

One YAML file per data set and protocol: ``dataset``, ``protocol``, ``note``, ``faces`` (subset -> number of faces) and
``rows`` (``method``, ``source``, ``url``, ``values``: subset -> metric -> number as text, since its digits tell its
rounding). NME, FR and AUC are in percent, as in results measured here; papers print AUC as a fraction.
"""
