"""Of several fits only the model that is submitted has the error of the headline."""

from pathlib import Path

import pytest

from tests.unit.cli.test_fits import run_fits


def test_another_model_keeps_its_own_error(tmp_path: Path) -> None:
    judged, _ = run_fits(tmp_path, 3)
    own, rule = judged.ranking
    assert own["error"] == pytest.approx((2 / 3 - 0.5) / 2 / 2**0.5)
    assert "error" not in rule
