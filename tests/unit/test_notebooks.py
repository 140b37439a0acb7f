"""The notebooks that are kept with output are those of the scripts beside them, small, with plots and no error."""

from pathlib import Path

import jupytext
import nbformat
import pytest

from competitions import ROOM
from tests.benches.notebooks import FOLDER, MOST_BYTES

SCRIPTS = sorted(FOLDER.glob("*.py"))


def test_every_script_has_a_notebook_and_no_other_is_kept() -> None:
    assert SCRIPTS
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == [path.stem for path in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_kept_notebook_has_the_cells_of_its_script_and_its_plots(script: Path) -> None:
    text = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text) <= MOST_BYTES
    assert str(ROOM.parent) not in text
    kept = nbformat.reads(text, as_version=4)
    cells = jupytext.read(script).cells
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.cell_type, cell.source) for cell in cells
    ], "make notebooks"
    solution = next((at for at, cell in enumerate(cells) if cell.source.startswith("## A solution")), None)
    assert (solution is None) == (script.stem == "00_hosted_kernel")  # which has no exercise
    if solution is not None:
        folded = [cell for cell in kept.cells[solution:] if cell.metadata.get("jupyter", {}).get("source_hidden")]
        assert [output for cell in folded for output in cell.outputs]
    outputs = [output for cell in kept.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert any("image/png" in output.get("data", ()) for output in outputs)
