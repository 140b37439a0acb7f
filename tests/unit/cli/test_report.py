"""What the page of a run says of the run before: the newest with queries of the same files."""

from pathlib import Path
from typing import Any

from common.day.report.page import write_report
from tests.unit.common.day import records


def write_run(build: Path, name: str, scores: list[float], digest: str = "00ff", **config: Any) -> Path:
    return records.write_run(build / "news" / name, scores, data={"digest": digest}, config=config)


def test_a_run_stands_beside_the_one_before(tmp_path: Path) -> None:
    write_run(tmp_path, "1", [0.0, 0.5, 1.0, 0.5], top=5)
    write_run(tmp_path, "2", [0.0, 0.0, 1.0, 0.0], digest="other files")
    last = write_run(tmp_path, "3", [0.5, 0.5, 1.0, 0.5], top=6)
    write_run(tmp_path, "4", [1.0, 1.0, 1.0, 1.0], top=7)
    page = write_report(last).read_text()
    assert "Against news/1 (top 5 -&gt; 6): +0.1250 ± " in page  # neither that of other files nor a later one
    assert "Against" not in write_report(tmp_path / "news" / "1").read_text()
