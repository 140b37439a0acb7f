"""The news service over HTTP, and what one request costs: ``make serve-news``, with ``ARGS=--http`` until Ctrl-C.

``POST /recommend`` takes one request as JSON, ``GET /health`` says what runs here.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from common.engine.errors import UserError

HOST, RECOMMEND, HEALTH = "127.0.0.1", "/recommend", "/health"
LARGEST = 1 << 20  # bytes of a request: thousands of clicks
STOP_SECONDS = 5  # for the requests that are being answered
WARM_REQUESTS = 20
Answer = dict[str, Any]


class Service(Protocol):
    """What answers requests: ``NewsService``."""

    def parse(self, body: bytes) -> Any:
        """One request from JSON. Raises ``UserError``, which says what cannot be answered and where it stands."""

    def answer(self, requests: Sequence[Any]) -> list[Answer]:
        """One answer a request, in order."""


def make_app(service: Service, about: dict[str, Any]) -> Starlette:
    """The two routes. ``about``: what ``/health`` says beside the number of requests ``answered``, in its state."""
    turn = asyncio.Lock()  # one request at a time: the model has the thread for itself

    async def recommend(request: Request) -> Response:
        try:
            parsed = service.parse(await read_body(request))
            async with turn:
                (answer,) = await asyncio.to_thread(service.answer, [parsed])
        except UserError as error:
            return reply(422, {"error": str(error)})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            logging.getLogger("uvicorn.error").exception("A request was not answered")
            return reply(500, {"error": f"The service failed at this request: {type(error).__name__}: {error}"})
        app.state.answered += 1
        return reply(200, answer)

    async def health(_: Request) -> Response:
        return reply(200, about | {"answered": app.state.answered})

    app = Starlette(routes=[Route(RECOMMEND, recommend, methods=["POST"]), Route(HEALTH, health)])
    app.state.answered = 0
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


def measure(service: Service, bodies: Sequence[bytes], expected: Sequence[Answer]) -> dict[str, Any]:
    """A row: the median and the 99th percentile of one request's milliseconds, after some to warm up.

    ``same answers``: the share of answers that are ``expected``, which are the run's own.
    """
    if not bodies:
        raise UserError("There is no request to measure.")
    requests = [service.parse(body) for body in bodies]
    for request in requests[:WARM_REQUESTS]:
        service.answer([request])
    seconds, answers = [], []
    for request in requests:
        begun = time.perf_counter()
        answers += service.answer([request])
        seconds.append(time.perf_counter() - begun)
    p50, p99 = (float(np.quantile(seconds, level)) * 1e3 for level in (0.5, 0.99))
    same = sum(one == other for one, other in zip(answers, expected, strict=True)) / len(answers)
    return {"p50 ms": p50, "p99 ms": p99, "per s": float(1 / np.mean(seconds)), "same answers": same}
