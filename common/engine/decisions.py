"""Settings meet the log: what stands for ``auto`` in a config.toml, one line each."""

from collections.abc import Iterable
from dataclasses import dataclass

from common.engine.progress import say

AUTO = "auto"


@dataclass(frozen=True)
class Decision:
    """One setting that was left to the log: what it became, and why."""

    setting: str
    value: str
    reason: str


def say_decisions(decisions: Iterable[Decision]) -> None:
    """A line each, on the console."""
    for each in decisions:
        say(f"  {each.setting} = {each.value}: {each.reason}")


def list_decisions(decisions: Iterable[Decision]) -> list[dict[str, str]]:
    """A row each, for run.json and the report."""
    return [{"setting": each.setting, "value": each.value, "why": each.reason} for each in decisions]
