"""Run the notebooks and keep them with their output: ``make notebooks``, or ``python -m tests.benches.notebooks``.

Each competitions/learning/notebooks/NAME.py (jupytext's percent format) becomes NAME.ipynb beside it. It needs
ipykernel and nbclient, which ``make notebooks`` installs.
"""

import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from competitions import ROOM

FOLDER = ROOM / "learning" / "notebooks"
MOST_BYTES = 200_000
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main() -> int:
    """Run each; the exit code."""
    for source in sorted(FOLDER.glob("*.py")):
        notebook = run(source)
        text = nbformat.writes(notebook) + "\n"
        assert len(text) <= MOST_BYTES, f"{source} has {len(text)} bytes with its output"
        assert str(ROOM.parent) not in text, f"{source} prints a path of this machine"
        target = source.with_suffix(".ipynb")
        target.write_text(text, encoding="utf-8")
        print(target.relative_to(ROOM.parent), len(text))
    return 0


def run(source: Path) -> Any:
    """The notebook of a script, with the output of every cell and nothing that differs from one machine to another."""
    from nbclient import NotebookClient

    notebook = jupytext.read(source)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    notebook.metadata = {"kernelspec": KERNEL}
    for number, cell in enumerate(notebook.cells):
        folded = {key: value for key, value in cell.metadata.items() if key == "jupyter"}  # a solution's code
        cell.id, cell.metadata = f"cell-{number}", folded
        if cell.cell_type == "code":  # progress is for the one who waits
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    sys.exit(main())
