"""``python -m competitions new NAME``: a folder that runs, to make a further competition of."""

import subprocess
import sys
from typing import Annotated

import typer

from common.engine.code_fingerprint import PROJECT_ROOT
from competitions import NAMES


def new(
    name: Annotated[str, typer.Argument(help="The new competition: small letters and digits, such as music25.")],
    kind: Annotated[str, typer.Option(help="one right answer a query, several, or rows: a yes or no each.")] = "one",
) -> None:
    """Write a new competition that runs: reader, split, retrieval, ranker, submission, contract. Then change it."""
    from common.day.scaffold import make_competition
    from common.learning.kinds import check_kind

    made = make_competition(PROJECT_ROOT, name, NAMES, check_kind(kind))
    # A name of another length fills lines otherwise; without ruff the source is as right, and `make format` mends it.
    source = [str(path) for path in made if path.suffix == ".py" or (path / "__init__.py").exists()]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *source], cwd=PROJECT_ROOT, check=False)
    for path in made:
        print(path)
    print(f"\nNext: make {name}; make test-{name}; competitions/{name}/README.md lists what to change, in order.")
