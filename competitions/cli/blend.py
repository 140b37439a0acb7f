"""The verb that mixes finished runs into a submission of their own."""

import datetime
import time
from pathlib import Path
from typing import Annotated

import typer

from competitions import find_competition
from competitions.cli.options import BUILD, Build, Name


def blend(
    name: Name,
    runs: Annotated[list[str], typer.Argument(metavar="RUN1 RUN2 ...", help="The runs, named as for compare.")],
    build: Build = BUILD,
) -> None:
    """Mix the scores of several whole runs, by their hold-out, into a checked submission; a run of its own."""
    from common.day.blend import MIX, mix_members, read_members
    from common.day.judged import Judged
    from common.day.record_schema import RunStart, Scored
    from common.day.record_writer import RecordWriter
    from common.day.registry import find_run
    from common.day.run_record import average_queries, digest_files
    from common.day.stamp import make_stamp
    from common.engine.errors import UserError
    from common.io.lock import keep
    from competitions.cli.data import copy_submission
    from competitions.cli.execution import end, open_run, show_run
    from competitions.cli.settings import Inputs

    began, started, competition = time.perf_counter(), datetime.datetime.now().astimezone(), find_competition(name)
    if competition.blending is None:
        raise UserError(f"Runs of {name} cannot be blended: its declaration names no blending.")
    members = read_members([find_run(build, [name], run) for run in runs], name, competition.blending)
    first = members[0].record
    config = competition.read_config(first)
    files = competition.locate(Path(first.data.folder), config)
    if digest_files(files, build / name / "cache") != first.data.digest:
        raise UserError(f"The files in {first.data.folder} have changed since {members[0].folder}: run again.")
    mixed = mix_members(members, competition.blending, competition.kind)
    best = next(member for member in members if member.folder.name == mixed.best)
    names = [member.folder.name for member in members]
    with open_run(build / name, started) as work:
        paths = competition.blending.answer(mixed.test, files, work.folder)
        checked = [competition.check(path, files) for path in paths]
        keep(work.folder)
        copies = copy_submission(name, work.folder, first.basis)
        judged = Judged(
            metric=first.metric,
            meaning=first.meaning,
            queries=mixed.ways[MIX],
            ranking=[Scored(way, **average_queries(queries)) for way, queries in mixed.ways.items()],
            submissions=checked,
        )
        kept = {field: getattr(best.record, field) for field in RunStart.__struct_fields__}
        own = {
            "run": work.folder.name,
            "config": best.record.config | {"blend": {"runs": names}},
            "note": f"blend of {' and '.join(names)}",
            "started": started.isoformat(timespec="seconds"),
            "stamp": make_stamp(),
            "base": mixed.best,
        }
        writer = RecordWriter(work, checked=True, began=began)
        writer.begin(RunStart(**kept | own), judged)
        writer.add_evidence(judged)
        show_run(writer, Inputs(competition, config, Path(first.data.folder), files, tuned=False), None, copies)
    print(f"The mix less the best run, {mixed.best}: {mixed.gain.sentence}")
    end(writer.failed)
