"""Numbers from papers and READMEs, with their sources; data only.

One YAML file per data set and protocol: ``dataset``, ``protocol``, ``norm`` (the protocol's normalising distance),
``note``, ``faces`` (subset -> number of faces) and ``rows``. A row has

- ``method`` and ``values``: subset -> metric -> number as text, since its digits tell its rounding;
- ``paper``: the work that the method is from, a name of ``sources.yaml`` (authors, title, venue, year, address);
- ``read_in``: the pages on which the figures were read, names of ``sources.yaml`` too, and ``table`` there;
- ``third_party``, where others than the method's authors measured, trained or quoted it: who;
- ``norm_inferred``, where the page does not name the normalising distance: why it is taken to be this file's.

NME, FR and AUC are in percent, as in results measured here; papers print AUC as a fraction. Figures are as printed,
those that cannot be true included: the audit marks them.
"""
