"""The two verbs: which run they take, what they refuse in a sentence, what they print."""

from pathlib import Path

import msgspec
import pytest

from common.engine.errors import UserError
from common.serving.http import listen
from competitions.cli import serve
from competitions.flight.competition import COMPETITION
from tests.unit.common.day.records import make_record, write_run


def test_what_names_no_run_of_the_competition_is_refused(tmp_path: Path) -> None:
    other = write_run(tmp_path / "mgtv" / "20260101-000000-000")
    for name, run, words in (
        ("news", "last", "no finished run"),
        ("news", str(other), "is a run of mgtv, not of news"),
        ("news", "mgtv/last", "mgtv/last is no run of news"),
        ("mgtv", "last", "mgtv has no service: write one as"),
    ):
        with pytest.raises(UserError, match=words):
            serve.serve(name, run, build=tmp_path)


def test_settings_that_the_code_no_longer_has_are_named_in_a_sentence() -> None:
    whole = msgspec.to_builtins(COMPETITION.load_config([]))
    assert COMPETITION.read_config(make_record(config=whole, run="a")) == COMPETITION.load_config([])
    whole["rank"]["blocks"] = ["gone"]
    with pytest.raises(UserError, match=r"settings of run a do not fit this code .*no gone; choose among core"):
        COMPETITION.read_config(make_record(config=whole, run="a"))
    whole["rank"]["trees"] = 5
    with pytest.raises(UserError, match=r"settings of run a do not fit this code .*trees.*run again"):
        COMPETITION.read_config(make_record(config=whole, run="a"))


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    write_run(tmp_path / "news" / "20260101-000000-000")
    with listen(0) as server, pytest.raises(UserError, match="choose another with --port"):
        serve.serve("news", port=server.getsockname()[1], build=tmp_path)
