"""The settings of the sequence model: config.toml gives some, the ladder's rungs change some."""

from typing import Annotated

import msgspec

from common.engine.config import Count, NotNegative, NotNegativeInt

Dropout = Annotated[float, msgspec.Meta(ge=0, lt=1)]
LARGE = {
    "width": 256,
    "blocks": 4,
    "heads": 4,
    "length": 100,
    "tokens": 50_000_000,
    "batch": 12_800,
    "rate": 1e-3,
    "negatives": 16_384,
    "id_rows": 4_000_000,
}  # with a GPU, none of it measured


class SequenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``width`` of a token; ``blocks`` and ``heads`` of the encoder; ``length``: the last events that it reads.
    ``dropout``, of a log that is read ``passes`` times: in proportion less of one that is read less often.

    Training: ``batch`` events a step; the log is read until about ``tokens`` events were seen, at most ``passes``
    times. Adam's ``rate`` at its peak and ``decay``; ``negatives`` a step, a share ``even_share`` of them drawn
    evenly, the others from the batch.

    An ad's vector: ``content``: whether features and embeddings go in; ``id_rows`` of the table of ids, hashed where
    training has more ads; ``field_width`` of a feature's vector; features of more values than ``feature_rows`` are
    hashed.

    0 of those that ``LARGE`` has: as ``choose_settings`` finds right for the device. The defaults are a processor's.
    """

    width: NotNegativeInt = 64
    blocks: NotNegativeInt = 1
    heads: NotNegativeInt = 2
    length: NotNegativeInt = 50
    dropout: Dropout = 0.2
    tokens: NotNegativeInt = 2_000_000
    passes: Count = 8
    batch: NotNegativeInt = 800
    rate: NotNegative = 3e-3
    negatives: NotNegativeInt = 1_024
    content: bool = True
    id_rows: NotNegativeInt = 500_000
    field_width: Count = 16
    feature_rows: Count = 20_000
    decay: NotNegative = 0.01
    even_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width (``ValueError``)."""
        if self.heads and self.width % self.heads:
            raise ValueError(f"sequence.width {self.width} is no multiple of sequence.heads {self.heads}")


def choose_settings(settings: SequenceSettings, device: str) -> SequenceSettings:
    """The same with values in place of 0: the class's defaults if ``device`` is "cpu", ``LARGE`` if it is another.

    >>> choose_settings(SequenceSettings(width=0, length=20), "cpu").width
    64
    """
    defaults = msgspec.structs.asdict(SequenceSettings())
    chosen = defaults if device == "cpu" else LARGE
    return msgspec.structs.replace(settings, **{name: chosen[name] for name in LARGE if not getattr(settings, name)})
