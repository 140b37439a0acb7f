"""A PostgreSQL server of one's own on this machine, for tests: new, empty, and gone afterwards."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

START_S = 60.0
STOP_S = 10.0
OWNERS = ("postgres", "nobody")  # whom the server runs as where the tests run as root, which it refuses to run as
# What is written here is thrown away: no need to reach the disk. A socket file would need a short path.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
}


@contextlib.contextmanager
def start_postgres() -> Iterator[str]:
    """The address of an empty database on a free port of 127.0.0.1; skips the test where there is no PostgreSQL."""
    programs = find_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL on this machine (Debian and Ubuntu: apt-get install postgresql)")
    owner = _find_owner()
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=owner and "/tmp") as name:
        folder = Path(name)
        options: dict[str, Any] = {"cwd": folder}
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        make = [programs / "initdb", "--auth=trust", "--username=postgres", "--no-sync", "-D", folder / "data"]
        made = subprocess.run(make, capture_output=True, text=True, check=False, **options)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        with (folder / "log.txt").open("w+b") as log, _serve(programs, folder, log, options) as port:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


def find_programs() -> Path | None:
    """The folder of initdb and postgres; Debian keeps them off the PATH."""
    program = shutil.which("initdb")
    folders = [Path(program).resolve().parent] if program else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in folders if (each / "initdb").is_file() and (each / "postgres").is_file()), None)


def _find_owner() -> pwd.struct_passwd | None:
    if os.geteuid():
        return None
    for name in OWNERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip(f"PostgreSQL does not run as root, and there is no user {' or '.join(OWNERS)}")


@contextlib.contextmanager
def _serve(programs: Path, folder: Path, log: IO[bytes], options: dict[str, Any]) -> Iterator[int]:
    port = _find_port()
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    start = [programs / "postgres", "-D", folder / "data", "-p", str(port), *words]
    server = subprocess.Popen(start, stdout=log, stderr=log, **options)
    try:
        _wait(server, port, log)
        yield port
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, but taking its shared memory along
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_S)
        server.kill()
        server.wait()


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
            return
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"PostgreSQL did not start: {log.read().decode(errors='replace')[-2000:]}")
