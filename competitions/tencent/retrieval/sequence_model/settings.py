"""The settings of the sequence model: config.toml gives some, the ladder's rungs change some."""

from typing import Annotated

import msgspec

from common.engine.config import Count, Positive

Dropout = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class SequenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``width`` of a token; ``blocks`` and ``heads`` of the encoder; ``length``: the last events that it reads.
    ``dropout``, of a log that is read ``passes`` times: in proportion less of one that is read less often.

    Training: ``batch`` events a step; the log is read until about ``tokens`` events were seen, at most ``passes``
    times. Adam's ``rate`` at its peak; ``negatives`` a step, a share ``even_share`` of them drawn evenly, the others
    from the batch.

    An ad's vector: ``content``: whether features and embeddings go in; ``id_rows`` of the table of ids, hashed where
    training has more ads; ``field_width`` of a feature's vector; features of more values than ``feature_rows`` are
    hashed.
    """

    width: Count = 64
    blocks: Count = 1
    heads: Count = 2
    length: Count = 50
    dropout: Dropout = 0.2
    tokens: Count = 2_000_000
    passes: Count = 8
    batch: Count = 800
    rate: Positive = 3e-3
    negatives: Count = 1_024
    content: bool = True
    id_rows: Count = 500_000
    field_width: Count = 16
    feature_rows: Count = 20_000
    even_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width (``ValueError``)."""
        if self.width % self.heads:
            raise ValueError(f"sequence.width {self.width} is no multiple of sequence.heads {self.heads}")
