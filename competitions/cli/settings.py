"""The raw files and settings of a command: config.toml, then tuned.toml where it counts, then what --set says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.competition import Competition
from common.day.hosts.simulated import is_simulated
from common.day.run_record import digest_files
from common.day.tuning.tuned_config import holds_nothing_for
from common.engine.progress import say
from competitions import find_competition
from competitions.cli.options import InputOptions


class Inputs(NamedTuple):
    """The raw ``files`` of a command in ``folder``, their settings, and whether ``tuned`` ones are among these."""

    competition: Competition
    config: Any
    folder: Path
    files: Any
    tuned: bool


def load_inputs(options: InputOptions, untuned: bool = False) -> Inputs:
    """The settings, checked before anything is made, then the files, simulated where there are none."""
    competition = find_competition(options.name).under_law(options.law)
    overrides = [f"seed={options.seed}", *(options.overrides or [])]
    config, tuned = competition.load_config(overrides, not untuned), False
    folder = competition.choose_raw(options.raw, options.scale, config.seed, options.build)
    files = competition.locate(folder, config)
    if not untuned:
        config, tuned = load_settings(competition, folder, files, overrides, options.build / options.name / "cache")
    return Inputs(competition, config, folder, files, tuned)


def load_settings(
    competition: Competition, raw: Path, files: Any, overrides: Sequence[str], cache: Path
) -> tuple[Any, bool]:
    """The config, and whether tuned.toml counted: not where all of it was found on other files than these.

    Simulated sets are alike; what was found on one of them is taken on the others.
    """
    tuned = is_simulated(raw) or not holds_nothing_for(competition.tuned, digest_files(files, cache))
    if not tuned:
        say(f"  tuned.toml was found on other files: left aside; `make tune-{competition.name}` searches on these")
    return competition.load_config(overrides, tuned), tuned and competition.tuned.is_file()
