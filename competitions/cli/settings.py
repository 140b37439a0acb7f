"""The settings of a command on its raw files: config.toml, then tuned.toml where it counts, then what --set says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.competition import Competition
from common.day.hosts.simulated import is_simulated
from common.day.run_record import digest_files
from common.day.tuning.tuned_config import holds_nothing_for
from common.engine.progress import say


def load_settings(
    competition: Competition, raw: Path, files: Any, overrides: Sequence[str], cache: Path
) -> tuple[Any, bool]:
    """The config, and whether tuned.toml counted: not where all of it was found on other files than these.

    Simulated sets are alike; what was found on one of them is taken on the others.
    """
    tuned = is_simulated(raw) or not holds_nothing_for(competition.tuned, digest_files(files, cache))
    if not tuned:
        say(f"  tuned.toml was found on other files: left aside; `make tune-{competition.name}` searches on these")
    return competition.load_config(overrides, tuned), tuned
