"""Settings meet the log: what stands for ``auto`` in a config.toml, one line each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.engine.progress import say_once

AUTO = "auto"


@dataclass(frozen=True)
class Decision:
    """One setting that was left to the log: what it became, and why."""

    setting: str
    value: str
    reason: str


def say_decisions(decisions: Iterable[Decision]) -> None:
    """A line each, on the console; several fits of one process decide alike, and it is said once."""
    for each in decisions:
        say_once(f"  {each.setting} = {each.value}: {each.reason}")


def choose_names(names: Sequence[str], auto: Sequence[str]) -> tuple[str, ...]:
    """What a setting that lists names stands for: the names as they are; for "auto" those of ``auto``; for +a and -b
    alone these with a and without b.

    >>> choose_names(["+length", "-list"], ["video", "list"])
    ('video', 'length')
    """
    if names == AUTO or list(names) == [AUTO]:
        return tuple(auto)
    if not _is_change(names):
        return tuple(names)
    without = [name for name in auto if f"-{name}" not in names]
    return tuple(dict.fromkeys([*without, *(name[1:] for name in names if name.startswith("+"))]))


def refuse_choice(where: str, names: Sequence[str], known: Sequence[str]) -> None:
    """A ValueError where ``names``, as ``choose_names`` takes them, are not known or stand for nothing."""
    refuse_unknown(where, choose_names(names, known), known)
    if _is_change(names):  # which the choice holds once, or no longer
        refuse_unknown(where, [name[1:] for name in names], known)


def refuse_unknown(where: str, names: Sequence[str], known: Sequence[str]) -> None:
    """A ValueError where a name is not among the known, stands twice, or all are missing.

    The config loader turns it into a sentence for the user.
    """
    choose = f"choose among {', '.join(known)}"
    if not names:
        raise ValueError(f"{where} is empty; {choose}")
    for index, name in enumerate(names):
        if name not in known:
            raise ValueError(f"{where}: there is no {name[:80]}; {choose}")
        if name in names[:index]:
            raise ValueError(f"{where}: {name} is listed twice")


def _is_change(names: Sequence[str]) -> bool:
    """Whether names are added and left out, and none is listed as it is."""
    return bool(names) and all(name.startswith(("+", "-")) for name in names)
