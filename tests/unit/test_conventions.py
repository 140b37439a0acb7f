"""What people expect to find at the root of a repository: continuous integration, hooks, types."""

import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import FINISHED, NIGHTLY_MODULES, SLOW_MODULES, Call

ROOT = Path(__file__).resolve().parents[2]


def test_continuous_integration_calls_the_targets_that_a_person_calls() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert "make lint test" in steps
    assert steps.index("make install") < steps.index("make lint test") < steps.index("make test-nightly")
    clean_clone = (ROOT / ".ci" / "run").read_text().splitlines()
    assert clean_clone[-3:] == ["make lint", "make test", "make test-nightly"]


def test_the_citation_names_the_version_of_the_package() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("name", FINISHED)
def test_a_stand_in_without_its_source_says_where_to_get_it(name: str, call: Call) -> None:
    code, out, err = call("standin", name)
    assert (code, out) == (1, "")
    assert f"make standin-{name} FROM=DIR" in err
    assert err.count("\n") == 1
    assert {"flight": "pip download --no-deps --dest build/larch larch"}.get(name, "name") in err


def test_the_modules_that_a_part_of_the_tests_leaves_out_are_there() -> None:
    missing = [name for name in SLOW_MODULES | NIGHTLY_MODULES if not (ROOT / "tests" / name).is_file()]
    assert missing == []
