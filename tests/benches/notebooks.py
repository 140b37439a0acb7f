"""Run the notebooks of competitions/learning/notebooks, and keep them with their output: ``make notebooks``, which
installs what it needs (ipykernel, nbclient), or ``python -m tests.benches.notebooks``.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat

from competitions import ROOM

FOLDER = ROOM / "learning" / "notebooks"
MOST_BYTES = 200_000
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main() -> int:
    """Run each; the exit code."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        text = nbformat.writes(run(path)) + "\n"
        assert len(text) <= MOST_BYTES, f"{path} has {len(text)} bytes with its output"
        assert str(ROOM.parent) not in text, f"{path} prints a path of this machine"
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOM.parent), len(text))
    return 0


def run(path: Path) -> Any:
    """A notebook with the output of every cell, and nothing that differs from one machine to another."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    notebook.metadata = {"kernelspec": KERNEL}
    for number, cell in enumerate(notebook.cells):
        folded = {key: value for key, value in cell.metadata.items() if key == "jupyter"}  # a solution's code
        cell.id, cell.metadata = f"cell-{number}", folded
        if cell.cell_type == "code":  # progress is for the one who waits
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def read_code(path: Path) -> list[str]:
    """The cells of code, in their order."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


if __name__ == "__main__":
    sys.exit(main())
