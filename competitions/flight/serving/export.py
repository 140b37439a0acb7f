"""A finished run as files that ``serve.py`` answers searches from, and what smaller versions of it score."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from common.pipeline.run import Run
from common.ranking.gbdt import Ranker
from common.serving.benchmark import Answer, Export, Variant, answer_all, spread
from common.serving.feature_tables import write_struct, write_table
from common.serving.model_files import find_family, write_models
from competitions.flight import pipeline
from competitions.flight.config import FlightConfig
from competitions.flight.features.booking_history import KEYS, LIFTS, History
from competitions.flight.features.preferences import LEVELS
from competitions.flight.io import reader
from competitions.flight.io.reader import Searches
from competitions.flight.ranking import rankers as ranking
from competitions.flight.reporting.summary import Outcome
from competitions.flight.serving import service
from competitions.flight.split import LARGE

MODULE = "competitions.flight.serving.service"
TOLD = {
    "request": "a search with all of its options, as the reader codes them -> its options, best first",
    "computed at export": "means, lifts and tastes of what was booked before, by traveller, company, route and carrier",
    "computed in the request": "the rows of these tables under the search's keys, all features, models, blend, rerank",
    "left out": "parsing the host's columns, network",
}


@dataclass(frozen=True)
class World:
    """What can be served: rankers (the named baseline first), what is known, and the view that sees it."""

    rankers: Sequence[Ranker]
    known: History
    view: int


@dataclass(frozen=True)
class Cut:
    """A variant: which ``rankers`` of the world it takes (places), the ``share`` of their trees, how they are mixed."""

    name: str
    folder: str
    rankers: tuple[int, ...]
    share: float
    mixture: service.Mixture


def export(files: reader.RawFiles, config: FlightConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final fits below ``folder``, with so many ``requests`` of the test.

    The variants are judged as the run judges its models: the early fits, exported in the same way to a folder that does
    not stay, answer the validation sessions.
    """
    outcome, ready = pipeline.solve(files, config, run), pipeline.prepare(files, config, run)
    cuts = list_cuts(outcome, config)
    write_world(World(refit(outcome, config, run), outcome.known.value, 0), cuts, folder / "export")
    test = outcome.test.value
    chosen = spread(test.sessions.height, requests)
    write_requests(test, chosen, folder / "requests")
    past = run.step(pipeline.look_up_labelled, ready.log, ready.split, name="train.history").value
    variants = judge(outcome, past, cuts)
    ranks = pl.read_parquet(outcome.checked[0].path)["selected"]
    expected = list_expected(test, chosen, ranks)
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, TOLD)


def refit(outcome: Outcome, config: FlightConfig, run: Run) -> list[Ranker]:
    """The final fits, baseline first, which the run has kept."""
    recipes = [(config.baseline.model, config.baseline.blocks)]
    recipes += [(kind, config.rank.blocks) for kind in config.rank.models]
    return [
        run.step(
            ranking.refit,
            outcome.labelled,
            early,
            getattr(config.rank, kind),
            blocks,
            config.seed,
            name=f"refit.{name}",
        ).value
        for name, early, (kind, blocks) in zip(outcome.names, outcome.rankers, recipes, strict=True)
    ]


def list_cuts(outcome: Outcome, config: FlightConfig) -> list[Cut]:
    """What the run answers with, all models mixed evenly, fewer trees of them, one alone, and the baseline."""
    blend, penalty, blocks = outcome.blend.value, outcome.penalty.value, config.rank.blocks
    weights = np.array(blend.weights)
    used = np.flatnonzero(weights.max(axis=0) > 0)
    chosen = service.Mixture(
        blocks=blocks,
        temperatures=tuple(np.array(blend.temperatures)[used].tolist()),
        edges=blend.edges,
        weights=tuple(tuple(row) for row in weights[:, used].tolist()),
        penalty=penalty,
    )
    names, count = outcome.names[1:], len(blend.temperatures)
    even = service.Mixture(
        blocks=blocks, temperatures=blend.temperatures, edges=(), weights=((1 / count,) * count,), penalty=penalty
    )
    title = f"{len(used)} models, as chosen" if len(used) > 1 else f"{names[int(used[0])]}, as chosen"
    cuts = [Cut(title, "whole", tuple((used + 1).tolist()), 1.0, chosen)]  # the baseline stands first
    every, one = tuple(range(1, count + 1)), mix_one(blocks, penalty)
    if count > 1:
        cuts += [
            Cut(f"{count} models, mixed evenly", "even", every, 1.0, even),
            Cut(f"{count} models, half of the trees", "half", every, 0.5, even),
            Cut(f"{count} models, a quarter", "quarter", every, 0.25, even),
        ]
    rates = [found["hit_rate@3"] for found in outcome.measured.value[1 : count + 1]]
    grown = [place for place in range(count) if find_family(names[place]) != "logit"]
    if grown:
        best = max(grown, key=lambda place: rates[place])
        cuts.append(Cut(f"{names[best]} alone", "one", (best + 1,), 1.0, one))
        cuts.append(Cut(f"{names[best]}, half of the trees", "one-half", (best + 1,), 0.5, one))
    return [*cuts, Cut("baseline, no history", "baseline", (0,), 1.0, mix_one(config.baseline.blocks, 0.0))]


def mix_one(blocks: tuple[str, ...], penalty: float) -> service.Mixture:
    """The mixture of a single model: its own order."""
    return service.Mixture(blocks=blocks, temperatures=(1.0,), edges=(), weights=((1.0,),), penalty=penalty)


def write_world(world: World, cuts: Sequence[Cut], folder: Path) -> None:
    """Write the tables that the view sees, and each variant's models."""
    tables = [("means", world.known.means, {name: key[0] for name, key in KEYS.items()})]
    tables += [("lifts", world.known.lifts, {name: key[0] for name, key in LIFTS.items()})]
    tables += [("tastes", world.known.tastes, {name: level.key[0] for name, level in LEVELS.items()})]
    for kind, frames, keys in tables:
        for name, frame in frames.items():
            write_table(frame.filter(view=world.view), service.table_path(folder, kind, name), keys.get(name))
    write_struct(service.Settings(view=world.view), folder / service.SETTINGS)
    for cut in cuts:
        write_models([world.rankers[place] for place in cut.rankers], folder / cut.folder, cut.share)
        write_struct(cut.mixture, folder / cut.folder / service.BLEND)


def write_requests(searches: Searches, chosen: NDArray[np.int64], folder: Path) -> None:
    """Write some searches for ``serve.read_requests``."""
    sessions = searches.sessions[chosen]
    write_table(sessions, folder / service.SESSIONS)
    kept = searches.options["session"].is_in(sessions["session"].implode())
    write_table(searches.options.filter(kept), folder / service.OPTIONS)


def judge(outcome: Outcome, past: History, cuts: Sequence[Cut]) -> list[Variant]:
    """Each variant's HitRate@3 on the validation sessions that the host would score, from early fits served."""
    split, train = outcome.split.value, outcome.train.value
    valid = split.roles.filter(role="valid").join(train.sessions, on="session", maintain_order="left")
    valid = valid.filter(pl.col("size") > LARGE)
    view = int(split.views.served.filter(session=valid["session"][0])["view"][0])
    world = World([ranker.value for ranker in outcome.rankers], past, view)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(world, cuts, folder / "export")
        write_requests(train, valid["session"].to_numpy().astype(np.int64), folder / "requests")
        requests = service.read_requests(folder / "requests")
        found = [answer_all(service.load(folder / "export", cut.folder), requests) for cut in cuts]
    booked = valid["booked"].to_list()
    variants = []
    for cut, answers in zip(cuts, found, strict=True):
        hits = np.array([place in answer[: ranking.CUTOFF] for place, answer in zip(booked, answers, strict=True)])
        variants.append(Variant(cut.name, cut.folder, float(hits.mean()), float(hits.std() / len(hits) ** 0.5)))
    return variants


def list_expected(test: Searches, chosen: NDArray[np.int64], ranks: pl.Series) -> list[Answer]:
    """The submission's own order of the options of some searches; ``ranks`` by row of the file."""
    places = ranks.gather(test.options["row"]).to_numpy()
    firsts, sizes = test.sessions["first"].to_numpy()[chosen], test.sessions["size"].to_numpy()[chosen]
    lists = [places[first : first + size] for first, size in zip(firsts.tolist(), sizes.tolist(), strict=True)]
    return [[float(place) for place in np.argsort(one, kind="stable")] for one in lists]
