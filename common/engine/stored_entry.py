"""What a step cost: beside its kept result, and in the record of a run."""

import msgspec


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a step cost when it was computed; ``kept`` when its result was in the store already.

    ``base_mib``: the resident memory of the process as the step began; None in entries that do not tell it.
    ``warnings``: what it warned of, such as a fit that did not converge.
    """

    name: str
    seconds: float
    peak_mib: float
    kept: bool = False
    base_mib: float | None = None
    warnings: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The content of entry.json: the full key of a step, and its cost."""

    key: str
    record: StepRecord
