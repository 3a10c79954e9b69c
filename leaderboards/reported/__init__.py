"""Numbers from papers and READMEs, with their sources; data only.

One YAML file per data set and protocol: ``dataset``, ``protocol``, ``note``, ``faces`` (subset -> number of faces), ``units``
(metric -> unit, higher_is_better) and ``rows`` (``method``, ``source``, ``url``, ``values``: subset -> metric -> number).
NME, FR and AUC are in percent, as in results measured here; papers print AUC as a fraction.
"""
