"""A session whose ranks begin with 1 and end with N, but hold one of them twice, is no permutation."""

from pathlib import Path

import polars as pl
import pytest

from common.engine.errors import UserError
from competitions.flight import submission
from competitions.flight.io import reader
from tests.unit.flight.flight_rows import option, two_sessions, write_test, write_train


def test_a_rank_twice_between_the_first_and_the_last_is_refused(tmp_path: Path) -> None:
    write_train(tmp_path, two_sessions())
    write_test(tmp_path, [option(Id, "a") for Id in (10, 11, 12)])
    files = reader.locate(tmp_path)
    path, _ = submission.write_submission(pl.Series([1, 3, 1]), files.test, tmp_path / "run")
    with pytest.raises(UserError, match="session a: 2 distinct ranks from 1 to 3 on 3 rows"):
        submission.check_submission(path, files)
