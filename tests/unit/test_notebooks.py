"""The notebooks are kept as they ran from top to bottom: small, with plots, without an error or a path of a machine."""

from pathlib import Path

import nbformat
import pytest

from competitions import ROOM
from tests.benches.notebooks import FOLDER, MOST_BYTES

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_plots_and_the_output_of_its_solution(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    assert len(text) <= MOST_BYTES
    assert str(ROOM.parent) not in text
    cells = nbformat.reads(text, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "make notebooks"
    solution = next((at for at, cell in enumerate(cells) if cell.source.startswith("## A solution")), None)
    assert (solution is None) == (notebook.stem == "00_hosted_kernel")  # which has no exercise
    if solution is not None:
        folded = [cell for cell in cells[solution:] if cell.metadata.get("jupyter", {}).get("source_hidden")]
        assert [output for cell in folded for output in cell.outputs]
    outputs = [output for cell in code for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert any("image/png" in output.get("data", ()) for output in outputs)
