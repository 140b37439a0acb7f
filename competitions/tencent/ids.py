"""The two numberings of ads, as types: mypy checks them where one is handed over to the other.

Oids              the organiser's own numbers of creatives, about 20 billion, in embeddings and submissions
CatalogueRows     index into ``Catalogue``: a known ad's row is its re-id (1 to the number of known ads, the number in
                  sequences and indexer), unseen ads stand behind them, row 0 is padding. ``oid[rows]`` gives the OID
"""

from typing import NewType

import numpy as np
import numpy.typing as npt

Oids = NewType("Oids", npt.NDArray[np.int64])
CatalogueRows = NewType("CatalogueRows", npt.NDArray[np.int64])


def number_rows(rows: npt.NDArray[np.int64] | None, size: int) -> npt.NDArray[np.int32]:
    """The index of each row of a catalogue of this ``size`` among the ``rows``, -1 for none; None for all rows.

    >>> number_rows(np.array([1, 3]), size=5).tolist()
    [-1, 0, -1, 1, -1]
    """
    if rows is None:
        return np.arange(size, dtype=np.int32)
    index = np.full(size, -1, np.int32)
    index[rows] = np.arange(len(rows))
    return index
