"""``python -m competitions standin NAME --from DIR``: a public data set in the host's layout, with its truth.

With it anyone can reproduce a figure on real data without the host's login.
"""

import inspect
import shlex
from pathlib import Path
from typing import Annotated

import typer

from common.engine.errors import UserError
from competitions import find_room
from competitions.cli.options import BUILD, Build, Name


def standin(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="The public data set. news: Globo.com's clicks; flight: the package larch, its wheel or a folder with "
            "it; mgtv: KuaiRand-Pure; tencent: Beauty.txt or LastFM.txt of S3-Rec.",
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="tencent: a table of item<TAB>text, from which an encoder computes an embedding."),
    ] = None,
    build: Build = BUILD,
) -> None:
    """Convert a public data set to the host's layout, with its truth: real behaviour without a login."""
    from common.day.hosts.public import TRUTH

    public = find_room(name, "day.standin")
    if source is None:
        raise UserError(f"Name the folder of the public data set, make standin-{name} FROM=DIR: {public.HINT}.")
    if text is not None and "text" not in inspect.signature(public.convert).parameters:
        raise UserError(f"The items of {name}'s public set have no texts: leave --text out.")
    folder = build / name / "standin"
    dataset = public.convert(source, folder, **({} if text is None else {"text": text}))
    counts = ", ".join(f"{count:,} {part}" for part, count in dataset.rows.items())
    print(f"{folder}, from {dataset.source}: {counts}")
    build_option = [] if build == BUILD else ["--build", str(build)]
    start = ["python", "-m", "competitions"]
    # What was tuned on simulated data says nothing of these, and the figures were made without it.
    print("Run:  ", shlex.join([*start, "run", name, "--untuned", "--raw", str(folder), *build_option]))
    file = build / name / "RUN" / dataset.submission  # RUN stands for the folder that the run will name
    print(
        "Score:", shlex.join([*start, "score", name, str(file), "--truth", str(folder / TRUTH), "--raw", str(folder)])
    )
