"""The raw files and settings of a command: config.toml, then tuned.toml where it counts, then what --set says."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from common.competition import Competition
from common.day.hosts.simulated import is_simulated
from common.day.run_record import digest_files
from common.day.tuning.tuned_config import choose_tuned
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

    Of tuned.toml counts what was found on these files. Simulated sets are alike: what was found on one of them is taken
    on the others, and on these alone.
    """
    competition = find_competition(options.name).under_law(options.law)
    config = competition.load_config(options.settings, not options.untuned)
    folder = competition.choose_raw(options.raw, options.scale, config.seed, options.build)
    files = competition.locate(folder, config)
    if options.untuned or not competition.tuned.is_file():
        return Inputs(competition, config, folder, files, tuned=False)
    digest = None if is_simulated(folder) else digest_files(files, options.build / options.name / "cache")
    competition = replace(competition, data=digest[:8] if digest else "simulated")
    tables, other = choose_tuned(competition.tuned, competition.data)
    if other:
        say(f"  tuned.toml is from other files and is ignored; `make tune-{options.name}` tunes on these")
    return Inputs(competition, competition.load_config(options.settings), folder, files, bool(tables))
