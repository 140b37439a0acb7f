"""A run of news is served as its own submission answers, by its command as a person types it."""

import json
import re
import shlex
import signal
from pathlib import Path
from urllib.request import Request, urlopen

import polars as pl
import pytest

from common.engine.errors import UserError
from common.engine.run import Run
from competitions.news.day.export import Export, export
from tests.conftest import Call
from tests.contract.conftest import COMPETITIONS
from tests.contract.contract import Contract, Finished, start

ONLY = tuple(one for one in COMPETITIONS if one.name == "news")
COUNT = 30


def export_again(contract: Contract, finished: Finished, again: Path, *settings: str) -> tuple[Export, Run]:
    """A run with these settings in the folder ``again``, exported."""
    config = contract.competition.load_config(["seed=0", *contract.small, *settings], tuned=False)
    run = Run(again, finished.build / contract.name / "cache")
    return export(contract.competition.locate(finished.raw, config), config, run, COUNT), run


def test_a_service_answers_as_the_run_does(contract: Contract, finished: Finished, tmp_path: Path) -> None:
    exported, again = export_again(contract, finished, tmp_path / "again")
    assert [step.name for step in again.timings if not step.kept and "half" not in step.name] == []
    assert COUNT <= len(exported.bodies) == len(exported.expected) < 2 * COUNT
    answers = [exported.service.answer(exported.service.parse(body)) for body in exported.bodies]
    assert answers == list(exported.expected)
    stranger = json.loads(exported.bodies[0])
    stranger["clicks"][0]["click_article_id"] = 2_000_000_000
    assert exported.service.answer(exported.service.parse(json.dumps(stranger).encode()))["articles"]


def test_an_order_that_no_ranker_made_is_not_served(contract: Contract, finished: Finished, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'hands in the order of "popularity".* set rank\.answer=ranker\.$'):
        export_again(contract, finished, tmp_path / "again", "rank.answer=popularity")


@pytest.mark.each_nightly
def test_the_command_that_is_shown_works_and_ctrl_c_ends_the_service(contract: Contract, finished: Finished) -> None:
    with start("serve", contract.name, "--build", str(finished.build), "--port", "0") as process:
        assert process.stdout is not None
        assert f"{contract.name}/" in (line := process.stdout.readline())
        assert "answers at http://127.0.0.1:" in line
        *_, url, _, body = shlex.split(process.stdout.readline())
        with urlopen(Request(url, body.encode()), timeout=60) as reply:
            assert len(json.load(reply)["articles"]) == 5
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (0, ""), err
    assert "Traceback" not in err


def test_a_reader_who_is_in_no_log_gets_five_other_articles(contract: Contract, finished: Finished, call: Call) -> None:
    clicks = pl.read_csv(finished.raw / "train_click_log.csv")
    read = clicks["click_article_id"].value_counts(sort=True)["click_article_id"].head(3).to_list()
    known = pl.read_csv(finished.raw / "articles.csv")
    code, out, err = call("recommend", contract.name, *map(str, read), "--build", finished.build)
    assert code == 0, err
    rows = [line.split() for line in out.splitlines() if re.match(r"^ *[1-5] ", line)]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    for _, category, words, article, hours_old in rows:
        assert float(hours_old.replace(",", "")) >= 0
        (own,) = known.filter(article_id=int(article.replace(",", ""))).to_dicts()
        assert (own["category_id"], own["words_count"]) == (int(category), int(words.replace(",", "")))
        assert own["article_id"] not in read
    code, out, err = call("recommend", contract.name, "2000000000", "--build", finished.build)
    assert (code, out) == (1, "")
    said = re.fullmatch(
        "error: Article 2000000000 is not in the articles.csv of the run: give ids that are, oldest first, "
        r"such as (\d+) (\d+) (\d+), which many test users read.",
        " ".join(err.split()),
    )
    assert said
    code, out, err = call("recommend", contract.name, *said.groups(), "--build", finished.build)
    assert (code, out != "") == (0, True), err
