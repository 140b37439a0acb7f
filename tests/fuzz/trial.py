"""One damaged raw folder through a competition's readers and split: refused in one clear sentence, or read."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.engine.errors import UserError
from common.engine.run import Result, Run, function_name
from tests.contract.contract import Contract
from tests.fuzz.mutations import damage

# The first step behind reading and splitting.
BEHIND_READING = {
    "news": "labelled.table",
    "flight": "train.history",
    "mgtv": ".history",
    "tencent": "pool",
}
LAST_DAYS = ("day07", "day08", "day09", "day10", "day11")  # as many of mgtv's planted days as its split needs
LONGEST = 2_000  # letters of a sentence


class BehindReadingError(Exception):
    """The run has come to the step behind those that are tried."""


class UntilRun(Run):
    """A run that stops in front of the first step whose name holds ``until``. Trials share one: what a file that is
    not damaged gives is read once.
    """

    def __init__(self, folder: Path, until: str) -> None:
        # No source is first-party: it stays as it is, and to read it takes longer than to read the tiny files.
        (folder / "no-source").mkdir(parents=True)
        super().__init__(folder / "run", folder / "cache", quiet=True, root=folder / "no-source")
        self.until = until

    def step(self, f: Callable[..., Any], /, *args: Any, name: str | None = None) -> Result[Any]:
        """Run the step."""
        if self.until in (name or function_name(f)):
            raise BehindReadingError
        return super().step(f, *args, name=name)


@dataclass(frozen=True)
class Trial:
    """What was damaged, and the sentence it was refused with; None where it was read."""

    damage: str
    refusal: str | None


def write_base(contract: Contract, folder: Path) -> Path:
    """The planted raw files, cut down to what the readers and the split need."""
    raw = folder / "raw"
    contract.write_raw(raw, folder / "truth.csv")
    for day in raw.glob("*/day[0-9]*"):
        if day.name not in LAST_DAYS:
            shutil.rmtree(day)
    return raw


def copy_base(base: Path, folder: Path) -> Path:
    raw = folder / "raw"
    shutil.copytree(base, raw)
    return raw


def try_seed(contract: Contract, run: UntilRun, base: Path, seed: int, folder: Path) -> Trial:
    """Damage a copy of ``base`` in ``folder`` and read it. Whatever is raised but a refusal goes through."""
    raw = copy_base(base, folder)
    done = damage(raw, f"{contract.name} {seed}")
    config = contract.competition.load_config([*contract.small, *contract.quick])
    try:
        with contextlib.suppress(BehindReadingError):
            contract.competition.solve(contract.competition.locate(raw, config), config, run)
    except UserError as refusal:
        return Trial(done, str(refusal))
    return Trial(done, None)


def find_fault(sentence: str) -> str | None:
    """What is wrong with a refusal: it is one line that can be printed, and not endless."""
    if not sentence.strip() or len(sentence) > LONGEST:
        return f"{len(sentence)} letters"
    return next((f"{letter!r} in it" for letter in sentence if not letter.isprintable()), None)
