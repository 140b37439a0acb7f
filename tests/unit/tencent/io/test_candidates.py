"""Candidates of both layouts, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions.tencent.io import schema as layouts
from tests.unit.tencent.tencent_files import (
    BASE,
    WORLD,
    candidate_rows,
    candidate_schema,
    read,
    refusal,
    write_candidates,
    write_competition,
    write_release,
    write_table,
)


def line(oid: int, **more: Any) -> dict[str, Any]:
    return {"creative_id": oid, "features": {}, **more}


def test_candidates_as_rows_of_the_catalogue_ascending(tmp_path: Path) -> None:
    lines = [line(BASE + 9), line(BASE + 1, features={"100": "x"}), line(BASE + 3, retrieval_id=7)]
    write_candidates(write_competition(tmp_path), lines)
    corpus = read(tmp_path)
    assert corpus.candidates.tolist() == [2, 3, 4]
    assert corpus.catalogue.features[4, 0] == 10


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([line(BASE), line(BASE)], f"line 2: candidate {BASE} is repeated"),
        ([line(BASE), line(0)], "line 2: Expected `int` >= 1"),
        ([line(BASE), {"retrieval_id": 1}], "line 2: Object missing required field `creative_id`"),
        ([line(BASE), line(BASE + 1, features={"100": [1]})], "line 2: Expected `int | str | null`, got `array`"),
    ],
)
def test_candidate_lines_that_are_refused(tmp_path: Path, lines: list[Any], reason: str) -> None:
    path = write_candidates(write_competition(tmp_path), lines)
    message = refusal(tmp_path)
    assert reason in message
    assert str(path) in message


def test_missing_features_in_every_form(tmp_path: Path) -> None:
    write_release(tmp_path)
    rows = candidate_rows(WORLD)
    rows[0]["100"], rows[0]["101"], rows[0]["102"] = (
        None,
        {"cold_start": 0, "feature_value": None},
        {"cold_start": None, "feature_value": "4"},
    )
    rows[0]["112"] = {"cold_start": 1, "feature_value": None}
    rows[0]["114"] = {"cold_start": 1, "feature_value": "5"}
    write_table(tmp_path, layouts.RELEASE_CANDIDATES, rows, candidate_schema())
    assert read(tmp_path).catalogue.features[5, :5].tolist() == [0, 0, 4, 0, 10]


def changed(index: int, **cells: Any) -> list[dict[str, Any]]:
    rows = candidate_rows(WORLD)
    rows[index] |= cells
    return rows


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (changed(2, item_id=BASE + 7), f"row 3: candidate {BASE + 7} is repeated"),
        (
            changed(1, **{"101": {"cold_start": 0, "feature_value": "x"}}),
            "row 2: feature 101: 'x' is not marked as cold and no number of the indexer",
        ),
        (changed(1, **{"101": {"cold_start": 0, "feature_value": "-4"}}), "row 2: feature 101: '-4' is not marked"),
        ([], "has no candidate"),
    ],
)
def test_candidate_tables_that_are_refused(tmp_path: Path, rows: list[dict[str, Any]], reason: str) -> None:
    write_table(write_release(tmp_path), layouts.RELEASE_CANDIDATES, rows, candidate_schema())
    message = refusal(tmp_path)
    assert reason in message
    assert str(tmp_path / layouts.RELEASE_CANDIDATES) in message


def test_older_names_are_read_as_todays(tmp_path: Path) -> None:
    today, older = tmp_path / "today", tmp_path / "older"
    for folder, names in ((today, ("cold_start", "item_id")), (older, ("is_str", "creative_id"))):
        rows, schema = candidate_rows(WORLD, *names), candidate_schema(*names)
        write_table(write_release(folder), layouts.RELEASE_CANDIDATES, rows, schema)
    assert read(older).candidates.tolist() == read(today).candidates.tolist()
    assert np.array_equal(read(older).catalogue.features, read(today).catalogue.features)
