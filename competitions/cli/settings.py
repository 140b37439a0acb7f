"""The raw files and settings of a command: config.toml, then tuned.toml where it counts, then what --set says."""

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


def load_inputs(options: InputOptions) -> Inputs:
    """The settings, checked before anything is made, then the files, simulated where there are none.

    tuned.toml does not count where all of it was found on other files than these. Simulated sets are alike: what was
    found on one of them is taken on the others.
    """
    competition = find_competition(options.name).under_law(options.law)
    config = competition.load_config(options.settings, not options.untuned)
    folder = competition.choose_raw(options.raw, options.scale, config.seed, options.build)
    files = competition.locate(folder, config)
    tuned = not options.untuned and competition.tuned.is_file()
    if tuned and not is_simulated(folder):
        digest = digest_files(files, options.build / options.name / "cache")
        if holds_nothing_for(competition.tuned, digest):
            say(f"  tuned.toml is from other files and is ignored; `make tune-{options.name}` tunes on these")
            config, tuned = competition.load_config(options.settings, tuned=False), False
    return Inputs(competition, config, folder, files, tuned)
