"""The news service over HTTP, and what one request costs: ``make serve-news``, with ``ARGS=--http`` until Ctrl-C.

``POST /recommend`` takes one request as JSON, ``GET /health`` says what runs here. Requests that come while others are
answered wait, and are answered together: a batch shares the joins and the calls of the model.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from common.engine.errors import UserError
from common.engine.progress import track

HOST, RECOMMEND, HEALTH = "127.0.0.1", "/recommend", "/health"
BATCH = 64  # requests that are answered together, at most
LARGEST = 1 << 20  # bytes of a request: thousands of clicks
STOP_SECONDS = 5  # for the requests that are being answered
WARM_REQUESTS = 20
CLIENTS = (1, 8, 64)
SECONDS = 4.0  # of each number of clients
PATIENCE_SECONDS = 60.0  # of a client, for one answer
Answer = dict[str, Any]


class Service(Protocol):
    """What answers requests: ``NewsService``."""

    def parse(self, body: bytes) -> Any:
        """One request from JSON. Raises ``UserError``, which says what cannot be answered and where it stands."""

    def answer(self, requests: Sequence[Any]) -> list[Answer]:
        """One answer a request, in order."""


class Batches:
    """Answers what waits, together. One at a time: the model of a batch has the thread for itself."""

    def __init__(self, service: Service) -> None:
        """Nothing is answered before ``run`` is."""
        self.service, self.answered = service, 0
        self.waiting: asyncio.Queue[tuple[Any, asyncio.Future[Answer | Exception]]] = asyncio.Queue()

    async def answer(self, body: bytes) -> Answer:
        """The answer to a request. Raises ``UserError`` where the request is wrong, anything where the service is."""
        request, future = self.service.parse(body), asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((request, future))
        answer: Answer | Exception = await future
        if isinstance(answer, Exception):
            raise answer
        self.answered += 1
        return answer

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            batch = [await self.waiting.get()]
            while len(batch) < BATCH and not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            answers = await asyncio.to_thread(self.try_all, [request for request, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # else the client has gone
                    future.set_result(answer)

    def try_all(self, requests: Sequence[Any]) -> Sequence[Answer | Exception]:
        """The answers; where one of them fails, each request by itself, so that the others are answered."""
        try:
            return self.service.answer(requests)
        except BaseException as error:  # what ends a thread of polars is no Exception
            failure = error if isinstance(error, Exception) else RuntimeError(str(error))
            return [failure] if len(requests) == 1 else [one for each in requests for one in self.try_all([each])]


def make_app(service: Service, about: dict[str, Any]) -> Starlette:
    """The two routes. ``about``: what ``/health`` says beside the number of requests answered."""
    batches = Batches(service)

    async def recommend(request: Request) -> Response:
        try:
            return reply(200, await batches.answer(await read_body(request)))
        except UserError as error:
            return reply(422, {"error": str(error)})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            logging.getLogger("uvicorn.error").exception("A request was not answered")
            return reply(500, {"error": f"The service failed at this request: {type(error).__name__}: {error}"})

    async def health(_: Request) -> Response:
        return reply(200, about | {"answered": batches.answered})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        work = asyncio.create_task(batches.run())
        yield
        work.cancel()

    app = Starlette(routes=[Route(RECOMMEND, recommend, methods=["POST"]), Route(HEALTH, health)], lifespan=lifespan)
    app.state.batches = batches
    return app


async def read_body(request: Request) -> bytes:
    """The bytes of a request; a large one is refused before it fills the memory."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise UserError(f"The request is larger than {LARGEST >> 20} MiB: send the last clicks of the user alone.")
    return body


def reply(status: int, content: dict[str, Any]) -> Response:
    """An answer as JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def listen(port: int) -> socket.socket:
    """A socket on this machine alone; 0: any port that is free."""
    try:
        server = socket.create_server((HOST, port))
        # Connections inherit it. Without it the body of an answer waits 40 ms for the client to acknowledge its head:
        # asyncio sets it by itself only for a socket that names its protocol.
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server
    except OSError as error:
        raise UserError(f"{HOST}:{port} cannot be used ({error.strerror}): choose another with --port.") from error


def make_server(app: Starlette) -> uvicorn.Server:
    """A server of the app; ``run`` takes the socket."""
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS))


# --- what a request costs ---


class Exchange(NamedTuple):
    """One request and what came back: its ``number``, ``seconds``, HTTP ``status`` (0: no answer came), ``content``."""

    number: int
    seconds: float
    status: int
    content: bytes


def measure(service: Service, bodies: Sequence[bytes], expected: Sequence[Answer]) -> dict[str, Any]:
    """A row: the function called for one request at a time, after some to warm up, then for batches of them.

    ``same answers``: the share of answers that are ``expected``, which are the run's own.
    """
    if not bodies:
        raise UserError("There is no request to measure.")
    requests = [service.parse(body) for body in bodies]
    for request in requests[:WARM_REQUESTS]:
        service.answer([request])
    times, answers = [], []
    for request in requests:
        begun = time.perf_counter()
        answers += service.answer([request])
        times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    for start in range(0, len(requests), BATCH):
        service.answer(requests[start : start + BATCH])
    batched = time.perf_counter() - begun
    row = summarise_times(times) | {"per s in batches": len(requests) / batched}
    return row | {"same answers": share_equal(answers, expected)}


def summarise_times(seconds: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile in milliseconds, and how many one client asks a second."""
    p50, p99 = (float(np.quantile(seconds, level)) * 1e3 for level in (0.5, 0.99))
    return {"p50 ms": p50, "p99 ms": p99, "per s": float(1 / np.mean(seconds))}


def share_equal(answers: Sequence[Answer], expected: Sequence[Answer]) -> float:
    """The share of answers that are those expected.

    >>> share_equal([{"articles": [7, 9]}, {"articles": [8, 9]}], [{"articles": [7, 9]}, {"articles": [9, 8]}])
    0.5
    """
    return sum(one == other for one, other in zip(answers, expected, strict=True)) / max(len(answers), 1)


def measure_http(service: Service, bodies: Sequence[bytes], expected: Sequence[Answer]) -> list[dict[str, Any]]:
    """A row a number of clients: what the service answers over HTTP while so many ask. Clients are threads of this
    process, so that they take processor time from the service, as they would on one small machine.
    """
    rows = []
    with serve_beside(make_app(service, {})) as port:
        ask(port, bodies, 1, SECONDS / 4)  # to warm up
        for clients in track(CLIENTS, "clients"):
            rows.append(summarise(clients, ask(port, bodies, clients, SECONDS), expected))
    return rows


@contextlib.contextmanager
def serve_beside(app: Starlette) -> Iterator[int]:
    """The port of the app, which a thread serves until the block ends."""
    with listen(0) as sockets:
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sockets]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield int(sockets.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def ask(port: int, bodies: Sequence[bytes], clients: int, seconds: float) -> list[Exchange]:
    """What came back while so many clients asked, each its next request once it has the answer to its last."""
    numbers, until = itertools.cycle(range(len(bodies))), time.perf_counter() + seconds

    def run_client(_: int) -> list[Exchange]:
        exchanges: list[Exchange] = []
        with contextlib.closing(HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)) as connection:
            while not exchanges or time.perf_counter() < until:
                begun = time.perf_counter()
                number, status, content = next(numbers), 0, b""
                try:
                    connection.request("POST", RECOMMEND, bodies[number])
                    response = connection.getresponse()
                    status, content = response.status, response.read()
                except (OSError, HTTPException):
                    connection.close()  # the next request opens it again
                exchanges.append(Exchange(number, time.perf_counter() - begun, status, content))
        return exchanges

    with ThreadPoolExecutor(clients) as pool:
        return [exchange for exchanges in pool.map(run_client, range(clients)) for exchange in exchanges]


def summarise(clients: int, exchanges: Sequence[Exchange], expected: Sequence[Answer]) -> dict[str, Any]:
    """A row of the table of ``measure_http``."""
    answered = [exchange for exchange in exchanges if exchange.status == 200]
    times = summarise_times([exchange.seconds for exchange in exchanges])
    times["per s"] *= clients * len(answered) / len(exchanges)
    answers = [msgspec.json.decode(exchange.content) for exchange in answered]
    same = share_equal(answers, [expected[exchange.number] for exchange in answered])
    return {"clients": clients, **times, "errors": len(exchanges) - len(answered), "same answers": same}
