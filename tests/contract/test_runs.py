"""Runs that follow each other: the same bytes, whatever happened in between, and no step computed twice in vain."""

import ast
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from common.day.run_record import QUERIES
from tests.conftest import Call
from tests.contract.contract import ELSEWHERE, ROOT, SUBMISSIONS, Contract, Finished, require, run, solve, start, words

SOURCE = ("common", "competitions")
# Another order of sets, and two threads each, which wait without keeping a core from others.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
OTHER = dict.fromkeys(THREADS, "2") | {"PYTHONHASHSEED": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def assert_same_submission(one: Finished, other: Finished) -> None:
    """The same bytes in every format."""
    assert [path.name for path in one.submissions] == [path.name for path in other.submissions]
    for mine, expected in zip(one.submissions, other.submissions, strict=True):
        assert mine.read_bytes() == expected.read_bytes()


@pytest.mark.each_nightly
def test_two_cold_runs_give_the_same_bytes_with_however_many_threads(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    """In another order of hashes, the locale C, and without a temporary folder where TMPDIR says."""
    again = run(contract, finished.raw, tmp_path / "build", more=OTHER | ELSEWHERE)
    assert_same_submission(again, finished)
    assert (again.folder / QUERIES).read_bytes() == (finished.folder / QUERIES).read_bytes()
    assert again.record["threads"] == {"openmp": 2, "polars": 2}
    assert again.computed() == finished.computed()


@pytest.mark.nightly
def test_a_killed_run_goes_on_from_its_last_finished_step(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    build = tmp_path / "build"
    kill_once_done(contract, finished.raw, build)
    assert list(build.glob("*/cache/.tmp-*"))
    # pathlib's * matches a leading dot as well: an entry whose folder still has its temporary name is not done.
    files = [file for file in build.glob("*/cache/*/entry.json") if not file.parent.name.startswith(".tmp-")]
    entries = [json.loads(file.read_text()) for file in files]
    done = {entry["record"]["name"] for entry in entries}
    assert contract.kill_after in done
    assert [path for path in build.glob("*/*/*") if path.stem in SUBMISSIONS] == []
    after = run(contract, finished.raw, build)
    assert done <= after.kept()
    everything = {step["name"] for step in finished.summary["steps"]}
    assert everything - done <= after.computed()
    assert_same_submission(after, finished)


def kill_once_done(contract: Contract, raw: Path, build: Path) -> None:
    """Start a run and end it the hard way, in the middle of a step that follows the one named ``kill_after``."""
    step, process = (
        require(contract, contract.kill_after, "step to be killed after"),
        start(*words(contract, raw, build)),
    )
    while not list(build.glob(f"*/cache/{step}-*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    while not halt_in_step(process, build):
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGCONT)
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def halt_in_step(process: "subprocess.Popen[str]", build: Path) -> bool:
    """Halt the process; whether it was at work on a step, whose temporary folder then stands there."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    return bool(list(build.glob("*/cache/.tmp-*")))


@pytest.mark.each_nightly
def test_another_model_parameter_keeps_recall_and_features(contract: Contract, finished: Finished, call: Call) -> None:
    change = require(contract, contract.model_change, "change of a model")
    after = solve(call, contract, finished.raw, finished.build, change.what)
    assert after.computed() == change.steps


@pytest.mark.each_nightly
def test_an_unchanged_rerun_computes_nothing_and_is_not_compared_with_itself(
    contract: Contract, finished: Finished, call: Call
) -> None:
    last = solve(call, contract, finished.raw, finished.build)  # whatever ran before it
    again = solve(call, contract, finished.raw, finished.build)
    assert f"Against {contract.name}/{last.folder.name} " not in again.out
    assert again.computed() == set()


@pytest.mark.each_nightly
def test_an_edited_comment_computes_nothing_and_an_edited_feature_its_block_and_what_follows(
    contract: Contract, finished: Finished, tmp_path: Path
) -> None:
    change = require(contract, contract.feature_change, "change of a feature")
    for name in SOURCE:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    path, _, function = change.what.partition(":")
    module = tmp_path / path
    lines, definition, end = find_return(module, function)
    docstring = definition.body[0].lineno - 1
    lines[docstring] = lines[docstring].replace('"""', '"""Edited. ', 1)
    lines[end.lineno - 1] = f"    # A comment.\n\n{lines[end.lineno - 1]}  # Another."
    module.write_text("# A first line.\n" + "\n".join(lines))
    after = run(contract, finished.raw, finished.build, root=tmp_path)
    assert after.computed() == set()
    assert_same_submission(after, finished)

    lines, _, end = find_return(module, function)
    assert end.value
    assert end.end_lineno
    edited = change.edit.format(ast.unparse(end.value))
    lines[end.lineno - 1 : end.end_lineno] = [f"    return {edited}"]
    module.write_text("\n".join(lines))
    after = run(contract, finished.raw, finished.build, root=tmp_path)
    assert after.computed() == change.steps


def find_return(module: Path, function: str) -> tuple[list[str], ast.FunctionDef, ast.Return]:
    """The module's lines, the function's definition, and its last statement, which returns the block."""
    text = module.read_text()
    (definition,) = [
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    end = definition.body[-1]
    assert isinstance(end, ast.Return)
    return text.splitlines(), definition, end
