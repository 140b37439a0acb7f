"""Settings meet the log: what stands for ``auto`` in a config.toml, one line each."""

from dataclasses import dataclass

AUTO = "auto"


@dataclass(frozen=True)
class Decision:
    """One setting that was left to the log: what it became, and why."""

    setting: str
    value: str
    reason: str
