"""Every competition: a run is exported, and its service answers over HTTP as the run's own submission does."""

import json
import re
import shlex
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from common.day.serving.benchmark import EXPORT, REQUESTS, answer_all, write_export
from common.day.serving.http import make_app
from common.day.serving.service import Export, Service, share_equal, share_items
from common.engine.result_store import read_value
from common.engine.run import Run
from competitions import find_room
from tests.contract.conftest import COMPETITIONS
from tests.contract.contract import Contract, Finished, start

# Tencent is not served, and a competition that is being made not yet.
ONLY = tuple(one for one in COMPETITIONS if (one.competition.folder / "day" / "export.py").exists())
COUNT = 30
EXACT = {"news"}  # one query and all of them go through the same functions, whose sums do not depend on the others
Body = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """An export as it was made, and its services and requests as they come back from the disk, the run's own first."""

    export: Export
    services: list[Service]
    bodies: list[bytes]
    computed: list[str]

    @property
    def service(self) -> Service:
        """That of the run's own vectors."""
        return self.services[0]

    @property
    def example(self) -> Body:
        """The longest request."""
        body: Body = json.loads(max(self.bodies, key=len))
        return body


@pytest.fixture(scope="module")
def served(contract: Contract, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp(f"served_{contract.name}")
    config = contract.competition.load_config(["seed=0", *contract.small], tuned=False)
    files = contract.competition.locate(finished.raw, config)
    again = Run(folder / "again", finished.build / contract.name / "cache", quiet=True)
    export: Export = find_room(contract.name, "day.export").export(files, config, again, COUNT)
    write_export(export, folder)
    services, bodies = [read_value(folder / EXPORT / kind) for kind in export.services], read_value(folder / REQUESTS)
    return Served(export, services, bodies, [step.name for step in again.timings if not step.kept])


@pytest.fixture
def client(served: Served) -> Iterator[TestClient]:
    with TestClient(make_app(served.service, {"name": "test"})) as client:
        yield client


def but_for_a_tie(contract: Contract) -> float:
    return 1.0 if contract.name in EXACT else 1 - 1 / COUNT


def test_an_export_answers_as_the_run_does(contract: Contract, served: Served) -> None:
    assert [name for name in served.computed if "half" not in name] == []  # the run had kept everything
    requests = [served.service.parse(body) for body in served.bodies]
    assert len(requests) == len(served.export.expected) == COUNT
    assert share_equal(answer_all(served.service, requests, 1), served.export.expected) >= but_for_a_tie(contract)
    assert 0 <= served.export.score[0] <= 1
    own, *others = (answer_all(service, requests[:9]) for service in served.services)
    assert all(share_items(other, own) > 0.8 for other in others)  # vectors in fewer bits
    assert len(others) == (2 if contract.name == "news" else 0)


def test_clients_at_once_get_the_answers_of_the_run(contract: Contract, served: Served, client: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda body: client.post("/recommend", content=body), served.bodies))
    assert {reply.status_code for reply in replies} == {200}
    assert share_equal([reply.json() for reply in replies], served.export.expected) >= but_for_a_tie(contract)
    assert client.get("/health").json()["answered"] == COUNT


# Of flight, whose rows have the most rules: what a first option is given, and what is said.
NO_OPTIONS: list[tuple[Body, str]] = [
    ({"ranker_id": "another"}, "more than one ranker_id"),
    ({"Id": 77}, "the Id 77 is repeated"),
    ({"companyID": None}, "Expected `int`, got `null` - at `$.options[0].companyID`"),
    ({"requestDate": "yesterday"}, "`$.options[0].requestDate`"),
    ({"totalPrice": "cheap"}, "Expected `float | null`, got `str` - at `$.options[0].totalPrice`"),
]


def test_what_is_no_request_is_refused_and_named(contract: Contract, served: Served, client: TestClient) -> None:
    (*_, name) = (name for name, value in served.example.items() if isinstance(value, list))
    wrong = {
        b"{": "truncated",
        b"[]": "Expected `object`, got `array`",
        b"{}": "missing required field",
        json.dumps(served.example | {name: "x"}).encode(): f"Expected `array`, got `str` - at `$.{name}`",
        json.dumps(served.example | {name: [None]}).encode(): f"at `$.{name}[0]`",
        json.dumps(served.example | {"typo": 1}).encode(): "unknown field `typo`",
    }
    if contract.name == "flight":
        first, second, *others = served.example["options"]
        second |= {"Id": 77}
        wrong |= {json.dumps({"options": [first | edit, second, *others]}).encode(): said for edit, said in NO_OPTIONS}
    for body, said in wrong.items():
        reply = client.post("/recommend", content=body)
        assert (reply.status_code, said in reply.json()["error"]) == (422, True), reply.text


# Of each competition: an edit of a request that names what nobody knows, and what is said where it cannot be answered.
UNKNOWN = {
    "news": ({"clicks": {"click_article_id": 2_000_000_000}}, None),
    "flight": ({"options": {"profileId": 999_999, "companyID": 888_888, "searchRoute": "XXXYYY"}}, None),
    "mgtv": ({"did": "nobody", "vids": -5}, "vids[0]: the run has no video -5"),
}


def test_what_nobody_knows_is_answered_where_that_can_be(
    contract: Contract, served: Served, client: TestClient
) -> None:
    edit, refusal = UNKNOWN[contract.name]
    body = served.example
    for name, value in edit.items():
        if isinstance(value, dict):
            for row in body[name]:
                row.update(value)
        else:
            body[name] = [value, *body[name][1:]] if isinstance(body[name], list) else value
    reply = client.post("/recommend", content=json.dumps(body))
    if refusal is None:
        assert reply.status_code == 200, reply.text
        assert reply.json().keys() == served.export.expected[0].keys()
    else:
        assert (reply.status_code, reply.json()) == (422, {"error": refusal})


@pytest.mark.each_nightly
def test_the_verb_serves_until_ctrl_c(contract: Contract, finished: Finished) -> None:
    words = ("--build", str(finished.build), "--requests", "5", "--http", "--port", "0")
    with start("serve", contract.name, *words) as process:
        assert process.stdout is not None
        said = re.match(rf"{contract.name}/(\S+) answers at http://127\.0\.0\.1:", process.stdout.readline())
        url = shlex.split(process.stdout.readline())[2]
        with urlopen(url.replace("/recommend", "/health"), timeout=60) as reply:
            health = json.load(reply)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert said is not None
    assert health["run"] == said[1]  # the newest run, which another test may have made
    assert (process.returncode, out) == (0, "Ended after 0 requests.\n"), err
