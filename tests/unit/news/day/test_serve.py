"""A service over HTTP: answers, refusals in a sentence, failures that end nothing; what a request costs."""

import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import msgspec
import pytest
from starlette.testclient import TestClient

from common.engine.errors import UserError
from competitions.news.day import serve
from competitions.news.day.serve import LARGEST, WARM_REQUESTS, Answer, listen, make_app, measure
from competitions.news.day.service import NewsService


class Echo:
    """It answers a number with its double, and fails at 13."""

    def __init__(self) -> None:
        self.answered: list[list[int]] = []

    def parse(self, body: bytes) -> int:
        number = int(msgspec.json.decode(body))
        if number == 404:
            raise UserError("nobody knows 404")
        return number

    def answer(self, requests: Sequence[int]) -> list[Answer]:
        self.answered.append([*requests])
        if 13 in requests:
            raise RuntimeError("not 13")
        return [{"doubles": 2 * number} for number in requests]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def client(echo: Echo) -> Iterator[TestClient]:
    with TestClient(make_app(echo, {"name": "echo"})) as client:
        yield client


def test_a_request_is_answered_and_counted(client: TestClient) -> None:
    reply = client.post("/recommend", content=b"4")
    assert (reply.status_code, reply.json()) == (200, {"doubles": 8})
    assert reply.headers["content-type"] == "application/json"
    assert client.post("/recommend", content=b"404").json() == {"error": "nobody knows 404"}
    assert client.get("/health").json() == {"name": "echo", "answered": 1}


def test_a_body_that_would_fill_the_memory_is_refused_before_it_is_read(client: TestClient) -> None:
    reply = client.post("/recommend", content=b" " * LARGEST + b"4")
    assert reply.status_code == 422
    assert "larger than 1 MiB" in reply.json()["error"]
    assert client.post("/recommend", content=b" " * (LARGEST - 1) + b"4").json() == {"doubles": 8}


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
    with ThreadPoolExecutor(8) as pool:
        replies = dict(
            zip(
                range(10, 18),
                pool.map(lambda number: client.post("/recommend", content=b"%d" % number), range(10, 18)),
                strict=True,
            )
        )
    assert {number for number, reply in replies.items() if reply.status_code == 500} == {13}
    assert replies[13].json() == {"error": "The service failed at this request: RuntimeError: not 13"}
    assert all(replies[number].json() == {"doubles": 2 * number} for number in replies if number != 13)
    assert sorted(echo.answered) == [[number] for number in range(10, 18)]
    assert client.get("/health").json()["answered"] == 7


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    with listen(0) as server, pytest.raises(UserError, match=r"^127.0.0.1:\d+ cannot be used \(Address already"):
        listen(server.getsockname()[1])


def test_a_client_that_leaves_is_no_failure_of_the_service(caplog: pytest.LogCaptureFixture) -> None:
    server = serve.make_server(app := make_app(Echo(), {}))
    with caplog.at_level(logging.DEBUG, "uvicorn.error"), listen(0) as sockets:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sockets]}, daemon=True)
        thread.start()
        with socket.create_connection(sockets.getsockname()) as leaver:
            leaver.sendall(b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n12")
        with closing(HTTPConnection(*sockets.getsockname(), timeout=60)) as connection:
            connection.request("POST", "/recommend", b"4")
            assert connection.getresponse().read() == b'{"doubles":8}'
        server.should_exit = True
        thread.join()
    assert app.state.answered == 1
    assert [record.message for record in caplog.records if record.exc_info] == []


def test_requests_are_timed_one_at_a_time_after_some_to_warm_up(echo: Echo) -> None:
    row = measure(echo, [b"%d" % number for number in range(100, 130)], [{"doubles": 200}] * 30)
    assert row["same answers"] == pytest.approx(1 / 30)
    assert echo.answered == [[number] for number in (*range(100, 100 + WARM_REQUESTS), *range(100, 130))]
    assert 0 < row["p50 ms"] <= row["p99 ms"]
    with pytest.raises(UserError, match="no request"):
        measure(echo, [], [])
