"""What a person types often does not import what only a run needs: together those libraries take two seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from competitions import NAMES
from tests.unit.common.day.records import write_run

FITTING = {"catboost", "lightgbm", "matplotlib", "optuna", "sklearn", "torch", "xgboost"}
HEAVY = FITTING | {"scipy", "sqlalchemy"}
SCRIPT = """
import sys
from competitions.__main__ import app
app(sys.argv[2:], standalone_mode=False)
print("imported:", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_imports_no_library_that_only_a_fit_needs(name: str) -> None:
    """Tencent's features and channels are written with torch."""
    unwanted = FITTING - ({"torch"} if name == "tencent" else set())
    script = f"import sys, competitions.{name}.pipeline, competitions.{name}.competition; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not unwanted & set(shown.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_setting_is_told_before_the_pipeline_is_imported(name: str) -> None:
    script = f"""
import sys
from competitions.__main__ import main
sys.argv = ["competitions", "run", "{name}", "nonsense.setting=1"]
try:
    main()
finally:
    print(*sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.stderr.startswith("error: There is no key nonsense;")
    assert not {*HEAVY, "polars", f"competitions.{name}.pipeline"} & set(told.stdout.split())


def test_the_files_of_tencent_are_checked_without_pytorch(tmp_path: Path) -> None:
    words = ["data", "tencent", "--check", "--raw", str(tmp_path)]
    script = f"import sys; sys.modules['torch'] = None; from competitions.__main__ import app; app({words})"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "UserError: 4 of the files in" in told.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", ["--help", "run --help", "runs", "compare last~1 last"])
def test_no_heavy_library_is_imported(tmp_path: Path, words: str) -> None:
    for run in ("20260101-000000-000", "20260102-000000-000"):
        write_run(tmp_path / "news" / run)
    unwanted = [*HEAVY, *(f"competitions.{name}" for name in NAMES)]
    unwanted += ["polars"] if words.endswith("--help") else []  # the others read the scores of queries
    build = [] if words.endswith("--help") else ["--build", str(tmp_path)]
    command = [sys.executable, "-c", SCRIPT, ",".join(unwanted), *words.split(), *build]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "imported:"
