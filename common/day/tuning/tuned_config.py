"""tuned.toml: settings that studies found, each task's with its provenance: its keys, and the files that it was found
on, where alone they count. Read over config.toml, left aside by --untuned.
"""

import datetime
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from common.day.compare import flatten
from common.engine.config import PROVENANCE, set_values
from common.engine.errors import UserError
from common.io.submission import write_bytes

if TYPE_CHECKING:  # a run reads tuned.toml, and needs no Optuna
    from common.day.tuning.task import Verdict

KEYS, DATA = "keys", "data"  # of a task's provenance
HEAD = "# Written by `make tune-{name}`. Settings here override config.toml; --untuned ignores them.\n\n"


def read_tuned(path: Path) -> dict[str, Any]:
    """The tables of a tuned.toml, provenance included; empty where there is none."""
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} is not valid TOML ({error}): correct it, or remove it and tune again.") from error
    rows = tables.get(PROVENANCE, {})
    rows = list(rows.values()) if isinstance(rows, dict) else [rows]
    if not all(isinstance(row, dict) and isinstance(row.get(KEYS, []), list) for row in rows):
        raise UserError(f"{path} has no table [{PROVENANCE}.TASK] for each task: remove it and tune again.")
    return tables


def write_tuned(path: Path, name: str, verdict: "Verdict", data: str) -> None:
    """Put a verdict's settings and where they come from into tuned.toml. What else stands there is kept, but for the
    same task's settings from other files.
    """
    tables = read_tuned(path)
    provenance, values = tables.pop(PROVENANCE, {}), dict(flatten(tables))
    before = provenance.get(verdict.task, {})
    keys = list(verdict.params)
    if fits(before, data):
        keys += [key for key in before.get(KEYS, []) if key not in keys]
    values = {key: value for key, value in values.items() if key not in before.get(KEYS, []) or key in keys}
    for row in provenance.values():  # a setting is the last task's that found it
        if KEYS in row:
            row[KEYS] = [key for key in row[KEYS] if key not in keys]
    tables = set_values({}, values | verdict.params)
    figures = {key: round(one, 5) if isinstance(one, float) else one for key, one in verdict.figures.items()}
    source = {"study": verdict.study, "trial": verdict.trial}
    provenance[verdict.task] = source | figures | {DATA: data, "date": datetime.date.today(), KEYS: keys}
    text = tomli_w.dumps(tables) + "\n" + tomli_w.dumps({PROVENANCE: provenance})
    write_bytes(path, (HEAD.format(name=name) + text).encode())


def choose_tuned(path: Path, data: str | None) -> tuple[dict[str, Any], list[str]]:
    """The tables that count on raw files (see ``fits``; None: on any), and the tasks whose settings do not.

    What no task has found counts everywhere: a person wrote it. A task that does not name its keys, of an earlier
    version, may have found all that no other one has.
    """
    tables = read_tuned(path)
    provenance, values = tables.pop(PROVENANCE, {}), dict(flatten(tables))
    unclaimed = values.keys() - {key for row in provenance.values() for key in row.get(KEYS, [])}
    other = [task for task, row in provenance.items() if data is not None and not fits(row, data)]
    left = {key for task in other for key in provenance[task].get(KEYS, unclaimed)}
    return set_values({}, {key: value for key, value in values.items() if key not in left}), other


def fits(row: Mapping[str, Any], data: str) -> bool:
    """Whether what a task found counts on raw files: "1234abcd", of that digest, or "simulated ...", all alike."""
    return str(row.get(DATA, "")).split()[:1] == data.split()[:1]
