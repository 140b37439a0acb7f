"""The one declaration of a competition: all that the command line and the contract tests need to know of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from common.day.blend import Blending
from common.day.hosts.simulated import HostFiles, choose_files, require_folder, require_simulator
from common.day.judged import Judged
from common.day.record_schema import RunRecord
from common.day.run_record import SimulatedTruth
from common.day.tuning.tuned_config import choose_tuned
from common.engine import config as configuration
from common.engine.errors import UserError
from common.engine.run import Run
from common.io.submission import Checked
from common.learning.kinds import Kind, check_kind


def say_unsimulated(*_: Any) -> Any:
    """What stands for the parts that only simulated data need, where no simulator was written."""
    raise UserError("This competition has no simulator.")


@dataclass(frozen=True, kw_only=True)
class Competition:
    """What differs between competitions. ``Files``, ``Outcome`` and settings are each competition's own types.

    ``kind``: of its task, see ``common.learning.kinds``; blends and tests ask for it.
    ``folder``: where its package and config.toml lie. ``metric``: what runs are compared by; ``queries``: what it is a
    mean over, in plain words.

    ``locate(raw, config)`` finds the raw files; ``solve(files, config, run)`` is the pipeline, its outcome is what
    ``judge(outcome, config)`` reports and ``score_truth(outcome, raw)`` scores on simulated data.
    ``validate(files, config, run)`` is the pipeline up to the score on validation: no refit, no test, no submission;
    ``judge`` reports its outcome as well.
    ``explain_cv_only(files)`` says why a run on these files must end with the score on validation; None: it need not.
    ``check(submission, files)`` refuses a wrong file; ``score(submission, truth, files)`` gives every metric (files may
    be None).
    ``check_names(config)`` raises a ValueError for a name in the settings that no registry has, such as that of a
    block of features. ``blocks``: the setting that names these blocks, and all names that it knows.
    ``describe(raw)`` compares simulated files with the documented ones, where any figure of theirs is published.
    ``blending``: how finished runs are mixed, None: they are not.
    ``score_truth`` is needed where there is a simulator (``host.write``).
    ``data``: the raw files in hand, as tuned.toml names them; None, all that was tuned counts: before there are any.
    """

    name: str
    kind: Kind = "one"
    folder: Path
    config: type[msgspec.Struct]
    host: HostFiles
    metric: str
    queries: str
    locate: Callable[[Path, Any], Any]
    explain_cv_only: Callable[[Any], str | None] = lambda files: None
    validate: Callable[[Any, Any, Run], Any]
    solve: Callable[[Any, Any, Run], Any]
    judge: Callable[[Any, Any], Judged]
    score_truth: Callable[[Any, Path], SimulatedTruth] = say_unsimulated
    check: Callable[[Path, Any], Checked]
    score: Callable[[Path, Path, Any], Mapping[str, float]]
    check_names: Callable[[Any], None] = lambda config: None
    blocks: tuple[str, Callable[[], Iterable[str]]] | None = None
    describe: Callable[[Path], pl.DataFrame] | None = None
    blending: Blending | None = None
    data: str | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that is none."""
        check_kind(self.kind)

    @property
    def tuned(self) -> Path:
        """Where ``tune`` keeps the settings that gained."""
        return self.folder / "tuned.toml"

    def load_config(self, overrides: Sequence[str] = (), tuned: bool = True) -> Any:
        """config.toml, then what was tuned on these files where that is wanted, then the overrides."""
        chosen = choose_tuned(self.tuned, self.data)[0] if tuned else {}
        return configuration.load(self.config, [self.folder / "config.toml", chosen], overrides, self.check_names)

    def read_config(self, record: RunRecord) -> Any:
        """The settings of a run by its record. ``UserError`` where the code has other settings by now."""
        try:
            config = msgspec.convert(record.config, self.config)
            self.check_names(config)
        except ValueError as error:  # msgspec's own among them
            raise UserError(f"The settings of run {record.run} do not fit this code ({error}): run again.") from error
        return config

    def under_law(self, law: str | None) -> "Competition":
        """The same competition whose simulator follows this law, None: the default. ``UserError`` if it knows none."""
        return replace(self, host=self.host.under_law(law))

    def choose_raw(self, folder: Path | None, scale: float | None, seed: int, build: Path) -> Path:
        """The folder asked for; else the organiser's files where any is there; else a simulated set, made once."""
        return choose_files(self.host, folder, scale, seed, build / self.name)

    def locate_known(self, raw: Path | None) -> Any:
        """The raw files in a folder, by default the organiser's, under the default settings."""
        return self.locate(self.host.folder if raw is None else require_folder(raw), self.load_config())

    def simulate(self, folder: Path | None, scale: float | None, seed: int, build: Path) -> tuple[Path, Any]:
        """A simulated set written to a folder, by default one below ``build``; the folder and the simulation."""
        size = self.host.scale if scale is None else scale
        target, write = (
            folder or self.host.simulated_folder(build / self.name, size, seed),
            require_simulator(self.host),
        )
        return target, write(target, size, seed)
