"""What is fixed before anyone watches: the days, channels and kinds of video.

The host published neither row counts nor click rates of 2025. Assumed: 240,000 of 1.5M devices are shown a slate on a
day, of about 8 videos; 69% of them click, 1.36 videos each (the 2024 edition's figures: 165,000 clickers, 1.36).
"""

from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.io.tables import read_csv

Codes: TypeAlias = NDArray[np.int32]

DAYS = 30  # with a log; the day after is the test day
TEST_DAY = DAYS + 1
START = datetime(2025, 6, 1)  # assumed; day 1
SIZE_MEAN_LOG, SIZE_SIGMA, MOST_SHOWN = 1.73, 0.95, 40  # a slate's length, before repeats are taken out
# Assumed. By channel: share of the collections, and what its programmes are like: the median number of their episodes,
# the share that is running, that is, releases ``at_once`` episodes ``every`` days in these days; ``heat`` lifts what is
# shown, ``pull`` what is clicked, in logarithms; ``extras``: how much there is about them.
CHANNELS = read_csv(Path(__file__).with_name("channels.csv")).to_numpy(structured=True)
# Assumed; the codes of isIntact are an earlier edition's. By kind of video: its minutes; ``heat`` and ``pull`` as
# above; ``abandon`` and ``complete`` are logits against the middle.
KINDS = read_csv(Path(__file__).with_name("kinds.csv")).to_numpy(structured=True)
FEATURE, SHORT, TRAILER = range(3)
