"""A service over HTTP: ``make serve-news``, until Ctrl-C.

``POST /recommend`` takes one request as JSON, ``GET /health`` says what runs here. Requests are answered one after the
other.
"""

import asyncio
import logging
import socket
from typing import Any, Protocol

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from common.engine.errors import UserError

HOST, RECOMMEND, HEALTH = "127.0.0.1", "/recommend", "/health"
LARGEST = 1 << 20  # bytes of a request: thousands of clicks
STOP_SECONDS = 5  # for the request that is being answered


class Service(Protocol):
    """What answers: a request is parsed, with a ``UserError`` for a wrong one, then answered."""

    def parse(self, body: bytes) -> Any:
        """A request from its bytes."""

    def answer(self, asked: Any) -> dict[str, Any]:
        """The answer to a parsed request."""


def make_app(service: Service, about: dict[str, Any]) -> Starlette:
    """The two routes. ``about``: what ``/health`` says beside the number of requests answered."""
    turn, answered = asyncio.Lock(), 0

    async def recommend(request: Request) -> Response:
        nonlocal answered
        try:
            parsed = service.parse(await read_body(request))
            async with turn:
                answer = await asyncio.to_thread(service.answer, parsed)
        except UserError as error:
            return reply(422, {"error": str(error)})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            logging.getLogger("uvicorn.error").exception("A request was not answered")
            return reply(500, {"error": f"The service failed at this request: {type(error).__name__}: {error}"})
        answered += 1
        return reply(200, answer)

    async def health(_: Request) -> Response:
        return reply(200, about | {"answered": answered})

    return Starlette(routes=[Route(RECOMMEND, recommend, methods=["POST"]), Route(HEALTH, health)])


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
        return socket.create_server((HOST, port))
    except OSError as error:
        raise UserError(f"{HOST}:{port} cannot be used ({error.strerror}): choose another with --port.") from error


def make_server(app: Starlette) -> uvicorn.Server:
    """A server of the app; ``run`` takes the socket."""
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS))
