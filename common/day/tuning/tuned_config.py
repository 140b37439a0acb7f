"""tuned.toml: settings that a study found, each with its provenance; read over config.toml, left aside by --untuned."""

import datetime
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from common.engine.config import PROVENANCE
from common.engine.errors import UserError
from common.io.submission import write_bytes

if TYPE_CHECKING:  # a run reads tuned.toml, and needs no Optuna
    from common.day.tuning.task import Verdict

HEAD = "# Written by `make tune-{name}`. Settings here override config.toml; --untuned ignores them.\n\n"


def read_tuned(path: Path) -> dict[str, Any]:
    """The tables of a tuned.toml, provenance included; empty where there is none."""
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} is not valid TOML ({error}): correct it, or remove it and tune again.") from error
    provenance = tables.get(PROVENANCE, {})
    if not isinstance(provenance, dict) or not all(isinstance(row, dict) for row in provenance.values()):
        raise UserError(f"{path} has no table [{PROVENANCE}.TASK] for each task: remove it and tune again.")
    return tables


def write_tuned(path: Path, name: str, verdict: "Verdict", data: str) -> None:
    """Put a verdict's settings and where they come from into tuned.toml; what else stands there is kept."""
    tables = read_tuned(path)
    for key, value in verdict.params.items():
        put(tables, key, value)
    provenance = tables.pop(PROVENANCE, {})
    figures = {key: round(one, 5) if isinstance(one, float) else one for key, one in verdict.figures.items()}
    source = {"study": verdict.study, "trial": verdict.trial}
    provenance[verdict.task] = source | figures | {"data": data, "date": datetime.date.today()}
    text = tomli_w.dumps(tables) + "\n" + tomli_w.dumps({PROVENANCE: provenance})
    write_bytes(path, (HEAD.format(name=name) + text).encode())


def holds_nothing_for(path: Path, digest: str) -> bool:
    """Whether every setting of a tuned.toml was found on other raw files than those of this ``digest``."""
    found = [str(row.get("data", "")).split()[-1:] for row in read_tuned(path).get(PROVENANCE, {}).values()]
    return bool(found) and [digest[:8]] not in found


def put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Set the value of a dotted key in tables within tables."""
    *parts, last = key.split(".")
    for part in parts:
        tables = tables.setdefault(part, {})
    tables[last] = value
