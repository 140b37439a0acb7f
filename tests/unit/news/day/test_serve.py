"""A service over HTTP: answers in batches, refusals in a sentence, failures that end nothing; what a request costs."""

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from starlette.testclient import TestClient

from common.engine.errors import UserError
from competitions.news.day import serve
from competitions.news.day.serve import CLIENTS, LARGEST, WARM_REQUESTS, Answer, ask, listen, make_app, measure
from competitions.news.day.service import NewsService


class Echo:
    """It answers a number with its double, and fails at two of them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def parse(self, body: bytes) -> int:
        number = int(msgspec.json.decode(body))
        if number == 404:
            raise UserError("nobody knows 404")
        return number

    def answer(self, requests: Sequence[int]) -> list[Answer]:
        self.batches.append([*requests])
        if 13 in requests:
            raise RuntimeError("not 13")
        if 14 in requests:
            raise KeyboardInterrupt("nor 14")  # no Exception, as what ends a thread of polars
        return [{"doubles": [2 * number]} for number in requests]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def client(echo: Echo) -> Iterator[TestClient]:
    with TestClient(make_app(echo, {"name": "echo"})) as client:
        yield client


def test_a_request_is_answered_and_counted(client: TestClient) -> None:
    reply = client.post("/recommend", content=b"4")
    assert (reply.status_code, reply.json()) == (200, {"doubles": [8]})
    assert reply.headers["content-type"] == "application/json"
    assert client.post("/recommend", content=b"404").json() == {"error": "nobody knows 404"}
    assert client.get("/health").json() == {"name": "echo", "answered": 1}


def test_a_body_that_would_fill_the_memory_is_refused_before_it_is_read(client: TestClient) -> None:
    reply = client.post("/recommend", content=b" " * LARGEST + b"4")
    assert reply.status_code == 422
    assert "larger than 1 MiB" in reply.json()["error"]
    assert client.post("/recommend", content=b" " * (LARGEST - 1) + b"4").json() == {"doubles": [8]}


CLICK = (
    b'{"click_article_id":1,"click_timestamp":1506963334716,"click_environment":4,"click_deviceGroup":3,'
    b'"click_os":2,"click_country":1,"click_region":9,"click_referrer_type":2}'
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Input data was truncated"),
        (b'{"clicks": [%b]}}' % CLICK, "trailing characters"),
        (b"\xff", "JSON is malformed"),
        (b"[" * 100_000, "Expected `object`"),
        (b"{}", "missing required field `clicks`"),
        (b'{"clicks": []}', "length >= 1 - at `$.clicks`"),
        (b'{"clicks": [null]}', "Expected `object`, got `null` - at `$.clicks[0]`"),
        (b'{"clicks": [%b]}' % CLICK.replace(b":4", b':"4"'), "got `str` - at `$.clicks[0].click_environment`"),
        (b'{"clicks": [%b], "typo": 1}' % CLICK, "unknown field `typo`"),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(body: bytes, said: str) -> None:
    service = NewsService.__new__(NewsService)  # it is refused before any table is read
    with pytest.raises(UserError, match="The request cannot be read: ") as caught:
        service.parse(body)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failure_is_told_and_ends_neither_the_service_nor_the_requests_beside_it(
    client: TestClient, echo: Echo
) -> None:
    started, release = threading.Event(), threading.Event()
    answer = echo.answer

    def wait_first(requests: Sequence[int]) -> list[Answer]:
        started.set()
        release.wait(60)
        return answer(requests)

    echo.answer = wait_first  # type: ignore[method-assign]
    with ThreadPoolExecutor(9) as pool:
        post = lambda number: client.post("/recommend", content=b"%d" % number)  # noqa: E731
        first = pool.submit(post, 1)
        started.wait(60)
        others = [pool.submit(post, number) for number in range(10, 18)]
        while client.app.state.batches.waiting.qsize() < len(others):  # type: ignore[attr-defined]
            time.sleep(0.001)
        release.set()
        replies = {number: each.result() for number, each in zip((1, *range(10, 18)), (first, *others), strict=True)}
    assert [sorted(batch) for batch in echo.batches[:2]] == [[1], [*range(10, 18)]]
    assert {number for number, reply in replies.items() if reply.status_code == 500} == {13, 14}
    assert replies[13].json() == {"error": "The service failed at this request: RuntimeError: not 13"}
    assert replies[14].json() == {"error": "The service failed at this request: RuntimeError: nor 14"}
    assert post(5).json() == {"doubles": [10]}


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    with listen(0) as server, pytest.raises(UserError, match=r"^127.0.0.1:\d+ cannot be used \(Address already"):
        listen(server.getsockname()[1])


def test_clients_at_once_get_the_answers_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "SECONDS", 0.3)
    rows = serve.measure_http(Echo(), [b"1", b"2", b"3"], [{"doubles": [2]}, {"doubles": [4]}, {"doubles": [7]}])
    assert [row["clients"] for row in rows] == [*CLIENTS]
    for row in rows:
        assert row["errors"] == 0
        assert 0.5 < row["same answers"] < 0.8  # the third is expected otherwise
        assert 0 < row["p50 ms"] <= row["p99 ms"]
        assert row["per s"] > 0


def test_a_client_that_leaves_is_no_failure_of_the_service(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "uvicorn.error"), serve.serve_beside(make_app(Echo(), {})) as port:
        with socket.create_connection(("127.0.0.1", port)) as leaver:
            leaver.sendall(b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n12")
        assert [exchange.status for exchange in ask(port, [b"4"], 1, 0.0)] == [200]
    assert [record.message for record in caplog.records if record.exc_info] == []


def test_a_service_that_is_gone_or_refuses_is_counted_as_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    exchanges = ask(port, [b"{}"], 2, 0.05)
    assert {exchange.status for exchange in exchanges} == {0}
    assert serve.summarise(2, exchanges, [{}])["errors"] == len(exchanges)


def test_requests_are_timed_one_at_a_time_after_some_to_warm_up_and_in_batches(echo: Echo) -> None:
    row = measure(echo, [b"%d" % number for number in range(100, 130)], [{"doubles": [200]}] * 30)
    assert row["same answers"] == pytest.approx(1 / 30)
    assert [len(batch) for batch in echo.batches] == [1] * (WARM_REQUESTS + 30) + [30]
    assert 0 < row["p50 ms"] <= row["p99 ms"]
    with pytest.raises(UserError, match="no request"):
        measure(echo, [], [])
