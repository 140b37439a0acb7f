"""Tables of files by their paths as they stand; in polars' own readers a name with ``[``, ``*`` or ``?`` is a pattern.

A path that means other files than its own is read in silence: raw[12]/train.parquet would be raw1/train.parquet. So
nothing else in the workspace calls polars' readers.
"""

from functools import partial

import polars as pl

read_csv = partial(pl.read_csv, glob=False)
scan_csv = partial(pl.scan_csv, glob=False)
read_parquet = partial(pl.read_parquet, glob=False)
scan_parquet = partial(pl.scan_parquet, glob=False)
