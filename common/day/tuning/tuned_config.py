"""tuned.toml: settings that studies found, and where they come from: the last study, and the files, on which alone
they count. Read over config.toml, left aside by --untuned.
"""

import datetime
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from common.engine.config import PROVENANCE, set_values
from common.engine.errors import UserError
from common.io.submission import write_bytes

if TYPE_CHECKING:  # a run reads tuned.toml, and needs no Optuna
    from common.day.tuning.task import Verdict

DATA = "data"  # of the provenance: "1234abcd", the files of that digest, or "simulated ...", all alike
HEAD = "# Written by `make tune-{name}`. Settings here override config.toml; --untuned ignores them.\n\n"


def read_tuned(path: Path) -> dict[str, Any]:
    """The tables of a tuned.toml, provenance included; empty where there is none."""
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} is not valid TOML ({error}): correct it, or remove it and tune again.") from error
    if not isinstance(tables.get(PROVENANCE, {}), dict):
        raise UserError(f"{path} has no table [{PROVENANCE}]: remove it and tune again.")
    return tables


def choose_tuned(path: Path, data: str | None) -> tuple[dict[str, Any], bool]:
    """The tables, where they count on raw files (None: on any), and whether there are some that do not. Those without
    provenance count everywhere: a person wrote them.
    """
    tables = read_tuned(path)
    provenance = tables.pop(PROVENANCE, None)
    if data is None or provenance is None or str(provenance.get(DATA)).split()[:1] == data.split()[:1]:
        return tables, False
    return {}, True


def write_tuned(path: Path, name: str, verdict: "Verdict", data: str) -> None:
    """Put a verdict's settings and where they come from into tuned.toml. What was found on the same files stays, what
    other files gave goes.
    """
    tables = set_values(choose_tuned(path, data)[0], verdict.params)
    figures = {key: round(one, 5) if isinstance(one, float) else one for key, one in verdict.figures.items()}
    source = {"study": verdict.study, "trial": verdict.trial}
    provenance = source | figures | {DATA: data, "date": datetime.date.today()}
    text = HEAD.format(name=name) + tomli_w.dumps({**tables, PROVENANCE: provenance})
    write_bytes(path, text.encode())
