"""Local stand-ins for the hosts: servers that answer the hosts' own clients as Kaggle and the model hub do."""

import gc
import hashlib
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kagglesdk import kaggle_env

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLIENT_LEAKS = "ignore:unclosed <socket:ResourceWarning"  # Kaggle's client leaves them to the garbage collector
MODIFIED = "Sun, 01 Jun 2025 10:00:00 GMT"


class _Handler(BaseHTTPRequestHandler):
    """What both servers share: a body with its headers, or the part of it before the line breaks."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, status: int, content: bytes, headers: dict[str, str], stop: int | None = None) -> None:
        """Send the headers of the whole and the content up to ``stop``; a line that breaks is closed."""
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content if stop is None else content[:stop])
        self.close_connection = self.close_connection or stop is not None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that left is no fault of the test


@contextmanager
def _serve(handler: type[_Handler], **attributes: object) -> Iterator[str]:
    """The address of a server on a free port of this machine, for the time of the block."""
    with _Server(("127.0.0.1", 0), type("Handler", (handler,), attributes)) as server:
        assert isinstance(server, socketserver.TCPServer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


# --- Kaggle ---


@dataclass
class Kaggle:
    """The competition ``a-contest``: its files, its faults, and what it was sent.

    ``archives``: by file, the zip archive that is sent instead.
    ``status``: a refusal of whatever is called. ``cut``: by file, the byte at which the line breaks, every time.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    status: int | None = None
    upload_status: int = 200
    cut: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)  # methods of the competition's service
    sent: list[tuple[str, str | None]] = field(default_factory=list)  # file or archive, Range
    uploads: list[tuple[str, bytes, str]] = field(default_factory=list)  # file, its content, the message


class _KaggleHandler(_Handler):
    """The calls that Kaggle's client makes: JSON by POST, a file after a redirect by GET, an upload by PUT."""

    kaggle: ClassVar[Kaggle]

    def do_POST(self) -> None:
        kaggle, method = self.kaggle, self.path.rpartition("/")[2]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if method == "IntrospectToken":
            self._send_json({"active": True, "username": "someone"})
            return
        kaggle.calls.append(method)
        if kaggle.status is not None:
            self._send_json({"code": kaggle.status, "message": "the server's words"}, kaggle.status)
            return
        assert request["competitionName"] == "a-contest"
        if method == "DownloadDataFile":
            name = request["fileName"]
            end = ".zip" if name in kaggle.archives else ""
            self._send(302, b"", {"Location": f"{kaggle.address}/files/{name}{end}?signature=x"})
        elif method == "StartSubmissionUpload":
            kaggle.uploads.append((request["fileName"], b"", ""))
            self._send_json({"token": "blob", "createUrl": f"{kaggle.address}/upload"})
        else:
            assert (method, request["blobFileTokens"]) == ("CreateSubmission", "blob")
            kaggle.uploads[-1] = (*kaggle.uploads[-1][:2], request["submissionDescription"])
            self._send_json({"message": "Successfully submitted", "ref": 77})

    def do_GET(self) -> None:
        kaggle, name = self.kaggle, self.path.removeprefix("/files/").partition("?")[0]
        kaggle.sent.append((name, self.headers.get("Range")))
        body = kaggle.files[name] if name in kaggle.files else kaggle.archives[name.removesuffix(".zip")]
        ranged = self.headers.get("Range")
        start = int((ranged or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        stop = max(kaggle.cut[name] - start, 0) if name in kaggle.cut else None
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        headers = {"ETag": etag, "Last-Modified": MODIFIED, "Accept-Ranges": "bytes"}
        headers |= {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if ranged else {}
        self._send(206 if ranged else 200, body[start:], headers, stop)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.kaggle.uploads[-1][0]
        self.kaggle.uploads[-1] = (name, content, "")
        self._send(self.kaggle.upload_status, b"", {})

    def _send_json(self, content: object, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


@contextmanager
def serve_kaggle(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Kaggle]:
    """Kaggle on this machine, which the real client calls with a token, for the time of the block."""
    kaggle = Kaggle()
    with _serve(_KaggleHandler, kaggle=kaggle) as kaggle.address:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, kaggle.address)
        monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
        monkeypatch.setenv("HOME", str(home))  # no credentials of who runs the tests
        monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits before it tries again
        yield kaggle
        gc.collect()  # while the test's filter holds


# --- the model hub ---


@dataclass
class Hub:
    """A data set ``lab/clicks`` on a server: its files, and its faults.

    ``refuse``: status and code for every request.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    refuse: tuple[int, str] | None = None
    fetched: list[str] = field(default_factory=list)  # paths in the data set

    def listing(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
            for path, content in self.files.items()
        ]


class _HubHandler(_Handler):
    """The requests that the hub's client makes: the data set, its list of files, the head and the body of a file."""

    hub: ClassVar[Hub]

    def do_HEAD(self) -> None:
        self.do_GET()  # ``_send`` leaves the body out

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if hub.refuse is not None:
            status, code = hub.refuse
            self._send(status, b"{}", {"X-Error-Code": code})
        elif path in (f"/api/datasets/lab/clicks/revision/{end}" for end in ("main", COMMIT)):
            self._send(200, json.dumps({"id": "lab/clicks", "sha": COMMIT, "siblings": []}).encode(), {})
        elif path == f"/api/datasets/lab/clicks/tree/{COMMIT}":
            self._send(200, json.dumps(hub.listing()).encode(), {})
        elif name in hub.files:
            if self.command == "GET":
                hub.fetched.append(name)
            content = hub.files[name]
            self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'})
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """A hub on this machine, for the time of the block."""
    hub = Hub()
    with _serve(_HubHandler, hub=hub) as hub.address:
        yield hub
