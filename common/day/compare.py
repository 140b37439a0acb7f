"""What changed from one run to another: the earlier run to compare with, what differs in settings, features, code and
data, the difference of the scores, and tables of two runs side by side.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from common.day.difference import (
    FEW,
    OF_FIRST,
    SIDES,
    Difference,
    compute_difference,
    expect_difference,
    pair_truth,
    read_pair,
)
from common.day.record_schema import RECORD, Row, RunRecord, read_record
from common.day.registry import find_run, find_runs
from common.day.run_record import NO_SLICE, QUERIES, find_weights, read_frame, split_slice
from common.day.stamp import list_differing
from common.engine.errors import UserError
from common.io.submission import write_bytes
from common.learning.metrics import average

READ = 100  # runs, newest first
SHOWN, VALUE_CHARS = 3, 30  # settings, features or source files that differ; letters of a value
BASE = "base.txt"  # in the build folder of a competition: the run that others are compared with
FITTED = ("fits", "fit_seed", "keep_gib")  # settings that make no other model
BEFORE, AFTER = pl.col("before"), pl.col("after")
WON, LOST = (AFTER > BEFORE).sum().alias("won"), (AFTER < BEFORE).sum().alias("lost")
SETTINGS, DECISIONS = "Settings that differ", "Settings that the data decided otherwise (auto)"
FEATURES, SCORES = "Features in only one run", "Scores"
SLICES = (
    "Common queries, by fold and slice: those that B answers better (won) and worse (lost); marked: more than chance"
    " makes of so many slices"
)


class Change(NamedTuple):
    """The earlier ``run`` that a run is compared with, its record, in ``what`` they differ, and the ``difference``."""

    run: Path
    record: RunRecord
    what: str
    difference: Difference

    @property
    def sentence(self) -> str:
        """All of it, the same words at the end of a run, in its report and on the page of runs."""
        return f"Against {self.run.parent.name}/{self.run.name} ({self.what}): {self.difference.sentence}"


def find_change(run: Path, partner: Path | None = None) -> Change | None:
    """What a run changed against its ``partner``, by default that of ``find_partner``; None where there is none whose
    queries can be read.
    """
    try:
        partner = partner or find_partner(run)
        if partner is None:
            return None
        one, other, queries = read_pair(partner, run)
        return Change(partner, one, describe_change(one, other), compute_difference(queries))
    except UserError:  # a damaged file
        return None


def find_partner(run: Path) -> Path | None:
    """The run before the edit: the base that a person chose, where that asks the same; else of the earlier runs that
    ask the same by other settings or code the one that differs least, the newest of several. None where none does.

    A run of the same settings and code is none, however many fits it has and whatever was committed meanwhile.
    """
    own = read_record(run / RECORD)
    earlier = [
        (folder, other)
        for folder, other in read_runs(run.parent)
        if folder.name < run.name and other.question == own.question
    ]
    base, alike = own.base or read_base(run.parent), [(folder, count_changes(other, own)) for folder, other in earlier]
    changed = [each for each in alike if each[1]]
    return min(changed, key=lambda each: (each[0].name != base, each[1]), default=(None, 0))[0]


def find_reach(build: Path, digest: str, quick: bool) -> Difference | None:
    """What runs on the files of this ``digest`` can see, by the fits of the newest that asks the same: a difference of
    no gain with its error (``smallest``). None where no run's fits tell.
    """
    for folder, record in read_runs(build):
        if (record.data.digest, record.is_quick) == (digest, quick) and record.fits:
            with contextlib.suppress(UserError):
                return expect_difference(read_frame(folder / QUERIES))
    return None


def read_base(build: Path) -> str | None:
    """The name of the run that a person chose as the base of a competition's comparisons, by its ``build`` folder."""
    path = build / BASE
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def count_changes(one: RunRecord, other: RunRecord) -> int:
    """In how many settings and source files two runs differ that make another model."""
    settings = [row for row in list_changed_settings(one.config, other.config) if row["setting"] not in FITTED]
    return len(settings) + len(list_differing(one.code, other.code))


def read_runs(folder: Path) -> Iterator[tuple[Path, RunRecord]]:
    """The last ``READ`` runs of a competition's folder of the build, newest first, with their records."""
    for run in find_runs(folder.parent, [folder.name])[:READ]:
        try:
            yield run, read_record(run / RECORD)
        except UserError:  # a damaged record
            continue


def describe_change(one: RunRecord, other: RunRecord) -> str:
    """In which settings, features and code two runs differ, in a line: "rounds 5 -> 9; features +length"."""
    added = [f"+{name}" for name in other.features if name not in set(one.features)]
    removed = [f"-{name}" for name in one.features if name not in set(other.features)]
    code = list_differing(one.code, other.code)
    parts = {
        "": [
            f"{row['setting']} {shorten_value(row['A'])} -> {shorten_value(row['B'])}"
            for row in list_changed_settings(one.config, other.config)
        ],
        "features ": added + removed if one.features and other.features else [],
        "code of ": [Path(path).name for path in code],
    }
    return "; ".join(f"{kind}{list_first(names)}" for kind, names in parts.items() if names) or "nothing changed"


def list_first(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def shorten_value(value: str) -> str:
    """A setting's value in a sentence."""
    value = value.replace(": ", ":")
    return value if len(value) <= VALUE_CHARS else value[: VALUE_CHARS - 1] + "…"


def list_changed_settings(one: Row, other: Row) -> list[Row]:
    """Every setting with another value, by its dotted key."""
    before, after = dict(flatten(one)), dict(flatten(other))
    absent = "(not set)"
    rows = [{"setting": key, "A": before.get(key, absent), "B": after.get(key, absent)} for key in before | after]
    return [row | {"A": str(row["A"]), "B": str(row["B"])} for row in rows if row["A"] != row["B"]]


def flatten(table: Row, prefix: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key, value) of everything that is no table.

    >>> dict(flatten({"seed": 0, "rank": {"rounds": 60}}))
    {'seed': 0, 'rank.rounds': 60}
    """
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def find_compared(build: Path, names: Sequence[str], runs: Sequence[str]) -> list[Path]:
    """The folders of runs to compare, the base first. Without a second, the one named is compared with the last run of
    its competition; a competition alone, or nothing, stands for its last run behind the run before its edit.
    """
    if not runs or (len(runs) == 1 and runs[0] in names):
        last = find_run(build, names, runs[0] if runs else "last")
        if partner := find_partner(last):
            return [partner, last]
        raise UserError(
            f"No run before {last} has the same files and queries, and other settings or code: name two runs, such as"
            " last~1 last."
        )
    one, *others = [find_run(build, names, run) for run in runs]
    own = [name for name in names if name == one.parent.name]
    return [one, *(others or [find_run(build, own or names, "last")])]


def choose_base(folder: Path) -> Path:
    """Have the runs of a competition compared with the run in ``folder`` from now on, where they ask the same."""
    return write_bytes(folder.parent / BASE, f"{folder.name}\n".encode())


# --- two runs side by side ---


class Comparison(NamedTuple):
    """What a comparison prints: ``warnings``; ``tables`` by their titles; the ``difference`` on the validation queries
    and, where both runs know it, on the simulated ``truth``.
    """

    warnings: list[str]
    tables: dict[str, list[Row]]
    difference: Difference
    truth: Difference | None


def compare(first: Path, second: Path) -> Comparison:
    """Compare two runs of one competition by their folders. ``UserError`` where they answered other queries."""
    (one, other, joined), truth = read_pair(first, second), pair_truth(first, second)
    decided = [{row["setting"]: row["value"] for row in run.summary.get("plan") or []} for run in (one, other)]
    sides = ("A", one.features, other.features), ("B", other.features, one.features)
    tables = {
        SETTINGS: list_changed_settings(one.config, other.config),
        DECISIONS: list_changed_settings(*decided),
        FEATURES: [{"feature": name, "only in": side} for side, own, rest in sides for name in own if name not in rest],
        SCORES: list_scores(one, other),
        SLICES: list_slices(joined),
    }
    on_truth = None if truth is None else compute_difference(truth)
    return Comparison(list_warnings(one, other, joined.height), tables, compute_difference(joined), on_truth)


def compare_all(base: Path, runs: Sequence[Path]) -> list[Row]:
    """A row a run beside one ``base``: what it changed, the difference, its error and verdict, so many counted."""
    rows = []
    for run in runs:
        one, other, joined = read_pair(base, run)
        difference = compute_difference(joined, len(runs))
        changed = f"{other.note}: " if other.note else ""
        marks = {"B - base": difference.mean, "error": difference.error, "verdict": difference.verdict}
        rows.append(
            {"run B": run.name, "score": other.cv.score, **marks, "it changes": changed + describe_change(one, other)}
        )
    return rows


def list_slices(joined: pl.DataFrame) -> list[Row]:
    """The paired scores by fold and by value of every slice, of ``FEW`` queries or more. A slice that divides the
    queries as the folds do, days in most logs, is not told twice.
    """
    names = [name for name in joined.columns if name not in (*NO_SLICE, "after", *SIDES, *OF_FIRST.values())]
    names = [name for name in names if joined.select("fold", name).n_unique() > joined["fold"].n_unique()]
    parts = [
        (f"{name}: {value}", part)
        for name in ("fold", *names)
        for value, part in split_slice(joined, name)
        if part.height >= FEW
    ]
    rows = []
    for label, part in parts:
        weights, difference = find_weights(part), compute_difference(part, compared=len(parts))
        means = {name: average(part[side].to_numpy(), weights)[0] for name, side in (("A", "before"), ("B", "after"))}
        marks = {"B - A": difference.mean, "error": difference.error, "": "*" if difference.beyond else ""}
        rows.append({"slice": label, **means, **marks, **part.select(WON, LOST, queries=pl.len()).row(0, named=True)})
    return rows


def list_scores(one: RunRecord, other: RunRecord) -> list[Row]:
    """The score, the truth and every model, side by side, where both runs have them."""
    sides = [
        {"CV": run.cv, "simulated truth": run.truth} | {row.name: row for row in run.ranking} for run in (one, other)
    ]
    rows = []
    for name, before in sides[0].items():
        after = sides[1].get(name)
        if before and after:
            change = None if before.score is None or after.score is None else after.score - before.score
            row = {"score": name, "A": before.score, "error A": before.error}
            rows.append(row | {"B": after.score, "error B": after.error, "B - A": change})
    return rows


def list_warnings(one: RunRecord, other: RunRecord, shared: int) -> list[str]:
    """What makes the two scores hard to compare."""
    warnings = []
    if one.data.digest != other.data.digest:
        warnings.append("the raw files differ: the scores come from different data")
    if shared < max(one.cv.queries, other.cv.queries):
        warnings.append(f"only {shared} of the validation queries are common to both runs; only these are used")
    if one.is_quick != other.is_quick:
        warnings.append(f"{'A' if one.is_quick else 'B'} is a quick run, the other is not: the scores differ by that")
    if files := list_differing(one.code, other.code):
        warnings.append(f"the code differs, in {list_first(files)}")
    machines = [run.stamp.machine if run.stamp else "" for run in (one, other)]
    if machines[0] != machines[1]:
        warnings.append(f"A was computed on {machines[0]}, B on {machines[1]}: rounding may differ")
    elif one.threads != other.threads:
        names = [", ".join(f"{name} {count}" for name, count in run.threads.items()) for run in (one, other)]
        warnings.append(f"A was computed with threads {names[0]}, B with {names[1]}: rounding may differ")
    return warnings
