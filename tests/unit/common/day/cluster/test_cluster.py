"""The tests of ``cluster_loopback`` in a process of their own, which may be ended where the loop of Dask hangs."""

import re
import subprocess
import sys

import pytest

from tests.dask_loopback import ROOT

LIMIT_S = 300
TESTS = "tests/unit/common/day/cluster/cluster_loopback.py"


def test_boosted_trees_are_fitted_on_two_workers_of_a_cluster() -> None:
    for last in (False, True):
        output = run_tests()
        if output is not None:
            break
        if last:
            pytest.fail(f"{TESTS} hung twice for {LIMIT_S} s")
    passed = re.search(r"(\d+) passed", output or "")
    assert passed, output
    assert int(passed[1]) > 12
    assert "failed" not in (output or ""), output


def run_tests() -> str | None:
    """What pytest said; None where it hung before its last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return output if re.search(r"\d+ (passed|failed)", output) else None
