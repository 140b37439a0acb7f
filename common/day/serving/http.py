"""A service over HTTP: ``python -m common.day.serving.http RUN KIND PORT`` serves an export below the folder of a run.

``POST /recommend`` takes one request as JSON, ``GET /health`` says what runs here. Requests that come while others are
answered wait, and are answered together: a batch shares the joins and the calls of the models.
"""

import asyncio
import contextlib
import logging
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.day.record_schema import RECORD, read_record
from common.day.serving.benchmark import BATCH, EXPORT, REQUESTS
from common.day.serving.service import Answer, Service, ignore
from common.engine.errors import UserError
from common.engine.result_store import read_value

HOST, RECOMMEND, HEALTH = "127.0.0.1", "/recommend", "/health"
SHORT = 500  # bytes of a body that a command line can show
STOP_SECONDS = 5  # for the requests that are being answered


class Batches:
    """Answers what waits, together. One at a time: the models of a batch have the thread for themselves."""

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
            return self.service.answer(requests, ignore)
        except BaseException as error:  # what ends a thread of polars is no Exception
            failure = error if isinstance(error, Exception) else RuntimeError(str(error))
            return [failure] if len(requests) == 1 else [one for each in requests for one in self.try_all([each])]


def make_app(service: Service, about: dict[str, Any]) -> Starlette:
    """The two routes. ``about``: what ``/health`` says beside the number of requests answered."""
    batches = Batches(service)

    async def recommend(request: Request) -> Response:
        try:
            return reply(200, await batches.answer(await request.body()))
        except UserError as error:
            return reply(422, {"error": str(error)})
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


def example(run: Path, url: str) -> str:
    """A command that asks the service for the answer to the shortest of the test's requests."""
    body = min(read_value(run / REQUESTS), key=len)
    path = run / REQUESTS / "example.json"
    path.write_bytes(body)
    data = body.decode() if len(body) <= SHORT else f"@{path}"
    return f"curl -s {url}{RECOMMEND} --data {shlex.quote(data)}"


def main(run: Path, kind: str, port: int) -> None:
    """Serve until Ctrl-C."""
    record = read_record(run / RECORD)
    about = {"name": record["name"], "run": record["run"], "revision": record["code"]["revision"]}
    about["since"] = datetime.now(UTC).isoformat(timespec="seconds")
    with listen(port) as server:
        url = "http://{}:{}".format(*server.getsockname())
        app = make_app(read_value(run / EXPORT / kind), about)
        print(f"{record['name']}/{record['run']} answers at {url}, GET {HEALTH} shows its state; Ctrl-C ends it. Try")
        print(f"  {example(run, url)}", flush=True)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[server])
    print(f"Ended after {app.state.batches.answered} requests.")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    except UserError as error:
        sys.exit(f"error: {error}")
