"""The settings of the sequence model: the defaults are those of the channel, the ladder's rungs change some."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SequenceSettings:
    """``width`` of a token; ``blocks`` and ``heads`` of the encoder; ``length``: the last events that it reads.
    ``dropout``, of a log that is read ``passes`` times: in proportion less of one that is read less often.

    An ad's vector: ``content``: whether features and embeddings go in; ``id_rows`` of the table of ids, hashed where
    there are more ads; ``field_width`` of a feature's vector; features of more values than ``feature_rows`` are hashed.

    Training: ``batch`` events a step; the log is read until about ``tokens`` events were seen, at most ``passes``
    times. AdamW's ``rate`` at its peak and ``decay``; ``negatives`` a step, a share ``even_share`` of them drawn
    evenly, the others from the batch.
    """

    width: int = 64
    blocks: int = 1
    heads: int = 2
    length: int = 50
    dropout: float = 0.2
    content: bool = True
    id_rows: int = 100_000
    field_width: int = 16
    feature_rows: int = 20_000
    batch: int = 800
    tokens: int = 2_000_000
    passes: int = 8
    rate: float = 3e-3
    decay: float = 0.01
    negatives: int = 1_024
    even_share: float = 0.5
