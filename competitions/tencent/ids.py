"""Numberings of ads that nobody may confuse, as types: mypy checks them where one space hands over to the next.

Oids              the organiser's own numbers of creatives, about 20 billion, in embeddings and submissions
CatalogueRows     index into ``Catalogue``: a known ad's row is its re-id (1 to the number of known ads, the number in
                  sequences and indexer), unseen ads stand behind them, row 0 is padding. ``oid[rows]`` gives the OID
PoolPositions     index into ``FoldTables.pool``, the rows of the candidates searched: ``pool[positions]`` is the row
"""

from typing import NewType

import numpy as np
import numpy.typing as npt

Oids = NewType("Oids", npt.NDArray[np.int64])
CatalogueRows = NewType("CatalogueRows", npt.NDArray[np.int64])
PoolPositions = NewType("PoolPositions", npt.NDArray[np.int64])
