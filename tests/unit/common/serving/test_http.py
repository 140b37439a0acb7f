"""A service over HTTP: answers, refusals in a sentence, failures that end nothing; what a request costs."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from starlette.testclient import TestClient

from common.engine.errors import UserError
from common.serving.http import LARGEST, make_app
from competitions.news.day.service import Answer, NewsService


class Echo:
    """It answers a number with its double, and fails at one of them."""

    def __init__(self) -> None:
        self.answered: list[int] = []

    def parse(self, body: bytes) -> int:
        number = int(msgspec.json.decode(body))
        if number == 404:
            raise UserError("nobody knows 404")
        return number

    def answer(self, request: int) -> Answer:
        self.answered.append(request)
        if request == 13:
            raise RuntimeError("not 13")
        return {"doubles": [2 * request]}


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
        (b"[" * 100_000, "Expected `object`"),
        (b'{"clicks": []}', "length >= 1 - at `$.clicks`"),
        (b'{"clicks": [%b]}' % CLICK.replace(b":4", b':"4"'), "got `str` - at `$.clicks[0].click_environment`"),
        *(
            (b'{"clicks": [%b]}' % CLICK.replace(b":1,", b":%d," % number), "`$.clicks[0].click_article_id`")
            for number in (2**32 + 80, 2**63, -(2**70))  # of 32 bits the first is article 80
        ),
        (b'{"clicks": [%b]}' % CLICK.replace(b":9,", b":32768,"), "<= 32767 - at `$.clicks[0].click_region`"),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(body: bytes, said: str) -> None:
    service = NewsService.__new__(NewsService)  # it is refused before any table is read
    with pytest.raises(UserError, match="The request cannot be read: ") as caught:
        service.parse(body)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failure_is_told_and_does_not_end_the_service(client: TestClient) -> None:
    failed = client.post("/recommend", content=b"13")
    assert (failed.status_code, failed.json()) == (
        500,
        {"error": "The service failed at this request: RuntimeError: not 13"},
    )
    assert client.post("/recommend", content=b"5").json() == {"doubles": [10]}
    assert client.get("/health").json()["answered"] == 1


def test_requests_at_once_are_answered_one_after_the_other(client: TestClient, echo: Echo) -> None:
    answer, inside = echo.answer, list[str]()

    def note(request: int) -> Answer:
        inside.append("in")
        time.sleep(0.01)
        inside.append("out")
        return answer(request)

    echo.answer = note  # type: ignore[method-assign]
    with ThreadPoolExecutor(8) as pool:
        replies = [*pool.map(lambda number: client.post("/recommend", content=b"%d" % number), range(8))]
    assert [reply.json() for reply in replies] == [{"doubles": [2 * number]} for number in range(8)]
    assert inside == ["in", "out"] * 8  # nobody came in before the last one was out
