"""What pages print runs as it is printed: shell blocks from top to bottom, requests to a service, pages as scripts.

A page's blocks run in one copied checkout, at the simulators' smallest sizes (a command that names its SCALE keeps it);
diffs are applied where they stand. What is left out stands on the page, above its block, with the reason:

    <!-- not run: make site, make test: an environment of its own, minutes -->
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import pytest

from tests.contract.contract import ROOT, start

PAGES = ("README.md", "competitions/SERVING.md", "competitions/EXTENDING.md", "competitions/LEARNING.md")
WORKED = [page for page in sorted((ROOT / "competitions/learning").glob("*.md")) if not page.name.endswith(".zh.md")]
BLOCK = re.compile(r"(?:<!-- not run: ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(make|python|sed|git|cd|curl)\b ?\S")
SMALLEST = {"news": "0.005", "flight": "0.005", "mgtv": "0.005", "tencent": "0.002"}


class Step(NamedTuple):
    """Something to do on a page: a shell command, a diff to apply or a script in Python."""

    kind: str
    text: str


def list_steps(text: str) -> Iterator[Step]:
    """What a page asks for, in its order, without what its marks leave out.

    >>> list(list_steps("<!-- not run: make b: slow -->\\n```\\nmake a  # quick\\nmake b X=1\\nits output\\n```"))
    [Step(kind='shell', text='make a  # quick')]
    """
    for mark, language, body in BLOCK.findall(text):
        left_out = [command.strip() for command in mark.rpartition(":")[0].split(",")] if mark else []
        assert [each for each in left_out if f"\n{each}" not in f"\n{body}"] == [], f"left out, but not there: {mark}"
        if language in ("diff", "python"):
            yield from () if "all" in left_out else [Step(language, body)]
            continue
        if language:
            continue
        for line in body.splitlines():
            if COMMAND.match(line) and not any(line.startswith(each) for each in left_out):
                yield Step("shell", line)


def copy_checkout(folder: Path) -> dict[str, str]:
    """A checkout without Git in ``folder``; the environment in which its commands run: ``make`` takes this Python for
    the installed one, ``python`` is it.
    """
    for name in ("common", "competitions", "tests", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "raw"))
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / "venv").mkdir()
    for name in ("installed", "torch"):
        (folder / "venv" / name).touch()
    shims = {
        "make": f'{shutil.which("make")} -o requirements.lock -o pyproject.toml VENV=venv PY={sys.executable} "$@"',
        "python": f'{sys.executable} "$@"',
    }
    (folder / "bin").mkdir()
    for name, words in shims.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\nexec {words}\n")
        (folder / "bin" / name).chmod(0o755)
    return os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def do(step: Step, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Do it as a reader would, in the smallest size of the competition that it names."""
    words = {"diff": ["git", "apply", "-"], "python": [sys.executable, "-"]}.get(step.kind, ["bash", "-c", step.text])
    scale = next((size for name, size in SMALLEST.items() if name in step.text), None)
    sized = environment | ({"SCALE": scale} if scale else {})
    given = "" if step.kind == "shell" else step.text
    return subprocess.run(words, cwd=folder, env=sized, input=given, text=True, capture_output=True, check=False)


@pytest.mark.nightly
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs_as_printed(page: str, tmp_path: Path) -> None:
    environment = copy_checkout(tmp_path)
    for step in list_steps((ROOT / page).read_text(encoding="utf-8")):
        done = do(step, tmp_path, environment)
        assert done.returncode == 0, f"{step.text}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("page", PAGES)
def test_the_marks_of_a_page_name_commands_of_their_block(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert list(list_steps(text))
    assert text.count("<!-- not run: ") == sum(bool(mark) for mark, _, _ in BLOCK.findall(text))


@pytest.mark.nightly
def test_the_requests_of_a_page_are_answered(tmp_path: Path) -> None:
    environment = copy_checkout(tmp_path)
    done = do(Step("shell", "make news"), tmp_path, environment)
    assert done.returncode == 0, done.stderr
    (block,) = [
        body for _, _, body in BLOCK.findall((ROOT / PAGES[1]).read_text()) if body.startswith("curl -s http://")
    ]
    request, answer = block.strip().rsplit("\n", 1)
    *_, url, _, body = shlex.split(request)
    with start("serve", "news", "--port", "0", root=tmp_path) as process:
        assert process.stdout is not None
        port = re.findall(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[0]
        with urlopen(Request(url.replace(":8000", f":{port}"), body.encode()), timeout=60) as reply:
            answered = json.load(reply)
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as reply:
            assert json.load(reply)["answered"] == 1
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert len(answered["articles"]) == len(json.loads(answer)["articles"])


@pytest.mark.nightly
@pytest.mark.parametrize("page", WORKED, ids=lambda page: page.stem)
def test_the_worked_sums_run_as_a_script(page: Path, tmp_path: Path) -> None:
    """By the command that LEARNING.md prints, which takes the prompts away; or pasted into ``python``, where an
    empty line must end what is indented.
    """
    assert not re.search(r"^\.\.\. {4}.*\n>>>", page.read_text(encoding="utf-8"), re.MULTILINE)
    printed = (ROOT / PAGES[3]).read_text(encoding="utf-8")
    (command,) = re.findall(r"^(sed .+) competitions/learning/\w+\.md > page\.py$", printed, re.MULTILINE)
    words = f"{command} {page} > {tmp_path / 'page.py'} && {sys.executable} {tmp_path / 'page.py'}"
    paths = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, env=paths, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
