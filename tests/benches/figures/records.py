"""Tables for a page, from what runs, ladders and benches left below build/, each with its stamp.

A page names a table by its key: what was made, of which data, which table of it.

    run simulated/0.04             the scores of a whole run at default settings, one row
    run simulated/0.04: steps      where its time went; likewise models, truth, or the title of a table of its record
    ladder globo-tenth             every rung, on the files of the folder globo-tenth
    bench folds                    what a bench kept under this name

Simulated data are named by law (where it is another than the default) and scale, of seed 0; other data by their folder.
The newest record of a key counts.
"""

import itertools
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from common.day.hosts import REPORT
from common.day.record_schema import RECORD, SCORES, Row, RunRecord, read_ladder, read_record
from common.day.report.formatting import is_number, score, share, with_error
from common.day.stamp import BENCHES, FOLDER, STAMP, Figure, Stamp
from common.engine.errors import UserError
from common.engine.stored_entry import StepRecord
from competitions import find_competition

LEAST_SHARE = 0.03  # of a run's steps that have a row of their own


class DataLabel(NamedTuple):
    """The raw files that a table is of: their name in a key, the words of a make command, the simulator's version."""

    name: str
    words: list[str]
    simulator: int | None


def label_data(folder: Path, record: Path, default_scale: float) -> DataLabel | None:
    """The raw files in a ``folder`` by which a ``record`` was made; None for simulated ones of another seed than 0,
    whose report cannot be read, or that were simulated anew since.
    """
    path = folder / REPORT
    if not path.exists():
        return DataLabel(folder.name, [f"RAW={folder.name}"], None)
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        seed, scale, version = report["seed"], report["scale"], report.get("version")  # a new competition has none
    except (ValueError, KeyError, TypeError):
        return None
    if seed != 0 or path.stat().st_mtime > record.stat().st_mtime:
        return None
    law = folder.name.partition("-seed0-")[2]  # as HostFiles.simulated_folder names it
    words = [*([f"LAW={law}"] if law else []), *([f"SCALE={scale:g}"] if scale != default_scale else [])]
    return DataLabel("/".join(["simulated", *([law] if law else []), f"{scale:g}"]), words, version)


def collect(build: Path) -> dict[str, Figure]:
    """All tables that the records in ``build``, the folder of one competition, hold, by their keys."""
    figures: dict[str, Figure] = {}
    scale = find_competition(build.name).host.scale
    for path in sorted(build.glob(f"*/{RECORD}")):
        figures |= dict(list_run(path.parent, scale))
    for path in sorted(build.glob("*/ladder.json")):
        figures |= dict(list_ladder(path, build.name, scale))
    for path in sorted((build / BENCHES).glob("*.json")):
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=Figure)
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}): remove it and run its bench again.") from error
        figures[f"bench {path.stem}"] = msgspec.structs.replace(kept, rows=write_cells(kept.rows))
    return figures


def list_run(folder: Path, scale: float) -> Iterator[tuple[str, Figure]]:
    """The tables of a whole run at default settings; nothing of another, or of one without a stamp. ``scale``: that of
    simulated files where none is typed.
    """
    record = read_record(folder / RECORD)
    raw, stamp = Path(record.data.folder), record.stamp
    # Simulated files that are gone are not taken for the host's.
    label = label_data(raw, folder / RECORD, scale) if raw.exists() or not record.data.simulated else None
    if record.until or record.overrides or label is None or stamp is None:
        return
    scores = folder / SCORES
    truth: Row = json.loads(scores.read_text()) if scores.exists() else record.truth.scores if record.truth else {}
    tables: dict[str, Sequence[Row]] = {
        "": [summarise_run(record, truth)],
        "steps": group_steps(record.steps),
        "models": [{"model": row.name, "score": row.score, "error": row.error} for row in record.ranking],
        "truth": [choose_metrics(truth)] if truth else [],
        **{table["title"]: table["rows"] for table in record.tables},
    }
    command = shlex.join(["make", record.name, *label.words])
    for title, rows in tables.items():
        figure = Figure(command, stamp, label.simulator, write_cells(rows))
        yield f"run {label.name}{f': {title}' if title else ''}", figure


def summarise_run(record: RunRecord, truth: Row) -> Row:
    """One row: validation, truth, the best possible, seconds, memory. ``truth``: metrics, NAME_error beside NAME."""
    name, row = find_main(truth), {"validation": with_error(record.cv.score, record.cv.error)}
    if name:
        row["test truth"] = with_error(truth[name], truth[f"{name}_error"])
    if name and record.truth:
        oracle = record.truth.oracle
        row |= {"best possible": score(oracle), "share of it": share(truth[name] / oracle)}
    return row | {"seconds": round(record.wall_seconds), "GiB": f"{record.peak_mib / 1024:.1f}"}


def find_main(scores: Row) -> str:
    """The metric that has an error, the competition's own; "" without one."""
    return next((name for name in scores if f"{name}_error" in scores), "")


def choose_metrics(scores: Row) -> Row:
    """The metrics of the same cutoff as the main one, and those without a cutoff.

    >>> choose_metrics({"ndcg@1": 0.1, "ndcg@5": 0.2, "mrr@5": 0.3, "mrr@5_error": 0.01, "users": 9})
    {'ndcg@5': 0.2, 'mrr@5': 0.3, 'mrr@5_error': 0.01, 'users': 9}
    """
    cutoff = find_main(scores).partition("@")[2]
    return {name: value for name, value in scores.items() if re.fullmatch(rf"[^@]+(@{cutoff or '.+'}(_error)?)?", name)}


def group_steps(steps: Sequence[StepRecord]) -> list[Row]:
    """The steps that take most of the time, by the first word of their names without numbers (all days are "day"), in
    the order of the run; then the others.

    >>> steps = [StepRecord(name=name, seconds=5.0, peak_mib=2048.0) for name in ("fit.a", "fit.b")]
    >>> group_steps(steps)
    [{'step': 'fit', 'seconds': 10, 'peak GiB': '2.0'}]
    """
    groups: dict[str, list[StepRecord]] = {}
    for step in steps:
        groups.setdefault(re.split(r"[\d.]", step.name)[0], []).append(step)
    least = LEAST_SHARE * sum(step.seconds for step in steps)
    long = {name: group for name, group in groups.items() if sum(step.seconds for step in group) >= least}
    if rest := [step for name, group in groups.items() if name not in long for step in group]:
        long["all other steps"] = rest
    return [
        {
            "step": name,
            "seconds": round(sum(step.seconds for step in group)),
            "peak GiB": f"{max(step.peak_mib for step in group) / 1024:.1f}",
        }
        for name, group in long.items()
    ]


def list_ladder(path: Path, name: str, scale: float) -> Iterator[tuple[str, Figure]]:
    """The rungs of a ladder that was climbed whole; one of which a rung was measured since has no stamp."""
    ladder = read_ladder(path)
    raw = Path(ladder.get(FOLDER, ""))
    label = label_data(raw, path, scale) if ladder.get(STAMP) and raw.is_dir() else None
    if label is None:
        return
    left = ("family", "builds on", "before", "MiB beyond the start", "code")
    rows = [{column: value for column, value in row.items() if column not in left} for row in ladder["rows"]]
    for row in rows:
        row["seconds"] = round(row["seconds"])
    command = shlex.join(["make", f"ladder-{name}", *label.words])
    yield (
        f"ladder {label.name}",
        Figure(command, msgspec.convert(ladder[STAMP], Stamp), label.simulator, write_cells(rows)),
    )


def write_cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The rows as text; the error of a figure stands behind it, and a column that no row fills is left out.

    >>> write_cells([{"rung": "als", "score": 0.1036, "error": 0.0086, "more": None, "gain": 0.02, "gain error": 0.01}])
    [{'rung': 'als', 'score': '.1036 ± .0086', 'gain': '+.0200 ± .0100'}]
    >>> write_cells([{"trees": 130, "largest gain": "age"}])
    [{'trees': '130', 'largest gain': 'age'}]
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    errors = {
        before: name
        for before, name in itertools.pairwise(names)
        if name in ("error", "its error", f"{before} error", f"{before}_error")
    }
    shown = [name for name in names if name not in errors.values()]
    cells = [{name: write_cell(row.get(name), row.get(errors.get(name, ""))) for name in shown} for row in rows]
    for row, plain in zip(cells, rows, strict=True):
        gains = [name for name in shown if "gain" in name and is_number(plain.get(name)) and plain[name] > 0]
        row.update({name: f"+{row[name]}" for name in gains})
    filled = [name for name in shown if any(row[name] for row in cells)]
    return [{name: row[name] for name in filled} for row in cells]


def write_cell(value: object, error: object = None) -> str:
    """One cell; ``error``: its standard error, None where it has none."""
    if isinstance(value, float) and is_number(value):
        return with_error(value, error) if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None or isinstance(value, float) else str(value)


def encode_figures(figures: Mapping[str, Figure]) -> bytes:
    """As ``common.day.stamp.read_figures`` reads them: a line a row, so that a change shows which rows moved."""
    return msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n"
