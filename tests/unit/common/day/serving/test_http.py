"""A service over HTTP: answers in batches, refusals in a sentence, failures that end nothing, an end by Ctrl-C."""

import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from common.day.serving import clients
from common.day.serving.benchmark import ONE_THREAD
from common.day.serving.clients import CLIENTS, ask, measure_http, start_server
from common.day.serving.http import listen, make_app
from common.day.serving.service import Answer, Mark
from common.engine.code_fingerprint import PROJECT_ROOT
from common.engine.errors import UserError
from tests.unit.cli.test_serve import write_record
from tests.unit.common.day.serving.serving_echo import Echo, make_export


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def client(echo: Echo) -> Iterator[TestClient]:
    with TestClient(make_app(echo, {"name": "echo"})) as client:
        yield client


def test_a_request_is_answered_and_counted(client: TestClient) -> None:
    reply = client.post("/recommend", content=b'{"number": 4}')
    assert (reply.status_code, reply.json()) == (200, {"doubles": [8]})
    assert reply.headers["content-type"] == "application/json"
    client.post("/recommend", content=b"{}")
    assert client.get("/health").json() == {"name": "echo", "answered": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Input data was truncated"),
        (b'{"number": 4', "Input data was truncated"),
        (b'{"number": 4}}', "trailing characters"),
        (b"\xff", "JSON is malformed"),
        (b"[" * 100_000, "Expected `object`"),
        (b"[4]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `number`"),
        (b'{"number": "4"}', "Expected `int`, got `str` - at `$.number`"),
        (b'{"number": 404}', "number: nobody knows 404"),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(client: TestClient, body: bytes, said: str) -> None:
    reply = client.post("/recommend", content=body)
    assert reply.status_code == 422
    assert said in reply.json()["error"]
    assert "\n" not in reply.json()["error"]


def test_a_failure_is_told_and_ends_neither_the_service_nor_the_requests_beside_it(
    client: TestClient, echo: Echo
) -> None:
    started, release = threading.Event(), threading.Event()
    answer = echo.answer

    def wait_first(requests: Sequence[int], mark: Mark) -> list[Answer]:
        started.set()
        release.wait(60)
        return answer(requests, mark)

    echo.answer = wait_first  # type: ignore[method-assign]
    with ThreadPoolExecutor(9) as pool:
        post = lambda number: client.post("/recommend", content=b'{"number": %d}' % number)  # noqa: E731
        first = pool.submit(post, 1)
        started.wait(60)
        others = [pool.submit(post, number) for number in range(10, 18)]
        while client.app.state.batches.waiting.qsize() < len(others):  # type: ignore[attr-defined]
            pass
        release.set()
        replies = [each.result() for each in (first, *others)]
    assert [sorted(batch) for batch in echo.batches[:2]] == [[1], [*range(10, 18)]]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200, 500, 500, 200, 200, 200]
    assert replies[4].json() == {"error": "The service failed at this request: RuntimeError: not 13"}
    assert replies[5].json() == {"error": "The service failed at this request: RuntimeError: nor 14"}
    assert post(5).json() == {"doubles": [10]}


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    with listen(0) as server, pytest.raises(UserError, match=r"^127.0.0.1:\d+ cannot be used \(Address already"):
        listen(server.getsockname()[1])


def test_clients_at_once_get_the_answers_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "SECONDS", 0.3)
    export = make_export(tmp_path)
    write_record(tmp_path, "news")
    rows = measure_http(export, tmp_path)
    assert [row["clients"] for row in rows] == [*CLIENTS]
    for row in rows:
        assert (row["errors"], row["same_answers"]) == (0, 1.0)
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["per_second"] > 0


def test_a_service_that_is_gone_or_refuses_is_counted_as_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    exchanges = ask(port, [b"{}"], 2, 0.05)
    assert exchanges
    assert {exchange.status for exchange in exchanges} == {0}


def test_the_command_that_is_shown_works_and_ctrl_c_ends_the_service(tmp_path: Path) -> None:
    make_export(tmp_path)
    write_record(tmp_path, "news")
    command = [sys.executable, "-m", "common.day.serving.http", str(tmp_path), "own", "0"]
    with subprocess.Popen(command, env=ONE_THREAD, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "news/r answers at http://127.0.0.1:" in server.stdout.readline()
        words = shlex.split(server.stdout.readline())
        assert words[:2] == ["curl", "-s"]
        url, _, body = words[2:]
        connection = HTTPConnection(url.removeprefix("http://").removesuffix("/recommend"), timeout=60)
        connection.request("POST", "/recommend", body.encode())
        assert connection.getresponse().read() == b'{"doubles":[200]}'
        server.send_signal(signal.SIGINT)  # while a client still holds its connection
        assert server.stdout.read() == "Ended after 1 requests.\n"
        assert server.wait() == 0
        connection.close()


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The service did not start: "), start_server(tmp_path, "own"):
        pass
