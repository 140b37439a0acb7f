"""The settings of the sequence model: config.toml gives some, the ladder's rungs change some."""

from typing import Annotated

import msgspec

from common.engine.config import Count, NotNegative, NotNegativeInt

Dropout = Annotated[float, msgspec.Meta(ge=0, lt=1)]
AUTO = ("width", "blocks", "heads", "length", "tokens", "batch", "rate", "negatives", "id_rows")


class SequenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``width`` of a token; ``blocks`` and ``heads`` of the encoder; ``length``: the last events that it reads.
    ``dropout``, of a log that is read ``passes`` times: in proportion less of one that is read less often.

    Training: ``batch`` events a step; the log is read until about ``tokens`` events were seen, at most ``passes``
    times. Adam's ``rate`` at its peak; ``negatives`` a step, a share ``even_share`` of them drawn evenly, the others
    from the batch.

    An ad's vector: ``content``: whether features and embeddings go in; ``id_rows`` of the table of ids, hashed where
    training has more ads; ``field_width`` of a feature's vector; features of more values than ``feature_rows`` are
    hashed.

    0 of those in ``AUTO``: what ``choose_settings`` takes for the device. The defaults are for a processor.
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
    even_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width (``ValueError``)."""
        if self.heads and self.width % self.heads:
            raise ValueError(f"sequence.width {self.width} is no multiple of sequence.heads {self.heads}")


# Of models of this kind; no GPU was there to measure them.
WITH_GPU = SequenceSettings(
    width=256,
    blocks=4,
    heads=4,
    length=100,
    tokens=50_000_000,
    batch=12_800,
    rate=1e-3,
    negatives=16_384,
    id_rows=1 << 22,
)


def choose_settings(settings: SequenceSettings, device: str) -> SequenceSettings:
    """The same with values in place of 0: the defaults if ``device`` is "cpu", else ``WITH_GPU``.

    >>> choose_settings(SequenceSettings(width=0, length=20), "cpu").width
    64
    """
    chosen = SequenceSettings() if device == "cpu" else WITH_GPU
    changes = {name: getattr(chosen, name) for name in AUTO if not getattr(settings, name)}
    return msgspec.structs.replace(settings, **changes)
