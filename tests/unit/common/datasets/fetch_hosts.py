"""Stand-ins for the hosts: a command that behaves like Kaggle's client, a server that answers like the model hub."""

import hashlib
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# A fault of the settings is told as the real client (2.2) tells it, on the stream that it uses; a download that breaks
# leaves the part and the marker that the real one leaves, and takes them up again.
CLIENT = """#!{python}
import json, os, shutil, sys, zipfile
from pathlib import Path

site = Path(os.environ["STAND_IN_KAGGLE"])
words = sys.argv[1:]
with (site / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
settings = json.loads((site / "settings.json").read_text())
status = settings.get("status")
if status == 401:
    print("Authentication required to call the Kaggle API.\\n\\nFirst, you will need a Kaggle account.")
    sys.exit(1)
if status:
    hints = {{
        403: "You don't have access to this resource.\\nIf this is a competition, accept its rules at\\n  https://x",
        404: "The resource was not found. Check the spelling of the reference you passed.\\nTry 'kaggle search'.",
        429: "You have been rate limited. Wait a little while before retrying.",
        503: "This is a problem on Kaggle's side, not with your command. Please try again later.",
    }}
    print(f"the server's words\\n\\n{{hints[status]}}" if status in hints else status, file=sys.stderr)
    sys.exit(1)
assert words[0] == "competitions" and words[2] == "a-contest", words
if words[1] == "files":
    print("name,size,creationDate")
    for path in sorted((site / "files").iterdir()):
        print(f"{{path.name}},{{settings.get('listed', {{}}).get(path.name, path.stat().st_size)}},2025-06-01 10:00:00")
elif words[1] == "submit":
    print("Submission ref: 77\\n" + words[words.index("-m") + 1])
else:
    name, folder = words[words.index("-f") + 1], Path(words[words.index("-p") + 1])
    target, body = folder / name, (site / "files" / name).read_bytes()
    wrapped = site / "zips" / f"{{name}}.zip"
    if wrapped.exists():
        shutil.copy(wrapped, folder)
        sys.exit(0)
    marker = folder / f"{{name}}.kaggle-partial"
    done = target.stat().st_size if marker.exists() and target.exists() else 0
    stop = settings.get("die_after", {{}}).get(name, len(body))
    marker.write_text("{{}}")
    with target.open("ab" if done else "wb") as out:
        out.write(body[done:stop])
    with (site / "sent").open("a") as sent:
        sent.write(f"{{name}} {{done}}-{{stop}}\\n")
    if stop < len(body):
        print("ConnectionError: ('Connection aborted.', ConnectionResetError(104, 'reset'))", file=sys.stderr)
        sys.exit(1)
    marker.unlink()
"""


@dataclass(frozen=True)
class Kaggle:
    """What the stand-in serves (``files/`` of ``site``), how it behaves, what it was asked and what it sent."""

    site: Path

    def put(self, name: str, body: bytes) -> None:
        (self.site / "files" / name).write_bytes(body)

    def behave(self, **settings: Any) -> None:
        (self.site / "settings.json").write_text(json.dumps(settings))

    def calls(self) -> list[list[str]]:
        path = self.site / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def sent(self) -> list[str]:
        path = self.site / "sent"
        return path.read_text().splitlines() if path.exists() else []


def install_kaggle(folder: Path) -> Kaggle:
    """Write the command ``kaggle`` into ``folder/bin``; it serves ``folder/site``."""
    site = folder / "site"
    for path in (folder / "bin", site / "files", site / "zips"):
        path.mkdir(parents=True)
    command = folder / "bin" / "kaggle"
    command.write_text(CLIENT.format(python=sys.executable))
    command.chmod(0o755)
    kaggle = Kaggle(site)
    kaggle.behave()
    return kaggle


@dataclass
class Hub:
    """A data set ``lab/clicks`` on a server: its files, and its faults.

    ``refuse``: a status for whatever is asked. ``cut``: by path, the bytes after which the line breaks, once.
    ``spoil``: paths of which other bytes are sent than are listed. ``listed``: further paths in the listing.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    refuse: tuple[int, str] | None = None
    refuse_files: int | None = None
    cut: dict[str, int] = field(default_factory=dict)
    spoil: set[str] = field(default_factory=set)
    listed: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path below the data set, Range

    def fetched(self) -> list[tuple[str, str | None]]:
        """What was downloaded: path and Range."""
        return [(path, ranged) for method, path, ranged in self.asked if method == "GET" and path in self.files]

    def tree(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "file",
                "path": path,
                "size": len(self.files.get(path, b"")),
                "oid": "0" * 40,
                "lfs": {
                    "oid": hashlib.sha256(self.files.get(path, b"")).hexdigest(),
                    "size": len(self.files.get(path, b"")),
                    "pointerSize": 130,
                },
            }
            for path in (*self.files, *self.listed)
        ]


class _Handler(BaseHTTPRequestHandler):
    """The four requests that the hub's client makes: the data set, its tree, the head and the body of a file."""

    hub: ClassVar[Hub]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, body: bool) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        hub.asked.append((self.command, name or path, self.headers.get("Range")))
        if hub.refuse is not None:
            status, code = hub.refuse
            self._send(status, b"{}", {"X-Error-Code": code})
        elif path in (f"/api/datasets/lab/clicks/revision/{end}" for end in ("main", COMMIT)):
            self._send(200, json.dumps({"id": "lab/clicks", "sha": COMMIT}).encode(), {})
        elif path == f"/api/datasets/lab/clicks/tree/{COMMIT}":
            self._send(200, json.dumps(hub.tree()).encode(), {})
        elif name in hub.files:
            self._send_file(name, body)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _send_file(self, name: str, body: bool) -> None:
        hub, content = self.hub, self.hub.files[name]
        told = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
        if hub.refuse_files is not None and body:
            self._send(hub.refuse_files, b"{}", told)
            return
        if name in hub.spoil:
            content = b"?" * len(content)
        ranged = self.headers.get("Range")
        start = int(ranged.removeprefix("bytes=").split("-")[0]) if ranged else 0
        if ranged:
            told["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        stop = hub.cut.pop(name, None) if body else None
        self._send(206 if ranged else 200, content[start:], told, stop if body else 0)

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
def serve_hub() -> Iterator[Hub]:
    """A hub on a free port of this machine, for the time of the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with _Server(("127.0.0.1", 0), handler) as server:
        assert isinstance(server, socketserver.TCPServer)
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
