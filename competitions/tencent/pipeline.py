"""Tencent, top to bottom: what users were shown, clicked and skipped -> the ten ads that each will most likely click.

    make tencent        or        python -m competitions run tencent --raw data/tencent/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. The hold-out and the organiser's
own queries go through the same functions; training histories end at ``Fold.train_ends``. Plain rules retrieve a few
hundred candidates, which a ranker orders. ``method = "network"`` has the sequence model of lab/ answer in its stead.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from common.engine.decisions import say_decisions
from common.engine.progress import say
from common.engine.run import Result, Run, collect
from common.io.submission import Checked
from competitions.tencent import metrics, ranking, split, submission
from competitions.tencent.config import HostSettings, SplitSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Embedding, RawFiles
from competitions.tencent.features.forecast import Forecast, ForecastRecipe, fit_forecasts
from competitions.tencent.fold_steps import FoldOpener
from competitions.tencent.fold_tables import measure_ads
from competitions.tencent.io import reader
from competitions.tencent.plan import Plan, PlanSettings, make_plan
from competitions.tencent.promise import Movement, measure_movement, promise, say_promise
from competitions.tencent.ranking import Ranker
from competitions.tencent.retrieval.content import Content, prepare_content
from competitions.tencent.retrieval.context import FoldInputs
from competitions.tencent.retrieval.fusion import Votes
from competitions.tencent.retrieval.top_k import FoldAnswers
from competitions.tencent.split import Fold


@dataclass(frozen=True)
class Prepared:
    """What was read, and the two folds: ``valid`` with known targets, ``test`` the organiser's."""

    corpus: Result[Corpus]
    embeddings: Result[list[Embedding]]
    contents: Result[list[Content]]
    plan: Result[Plan]
    valid: Result[Fold]
    test: Result[Fold]


class Fitted(Protocol):
    """A model of either method: ``losses`` epoch by epoch, and how the fit went for the record."""

    @property
    def losses(self) -> tuple[float, ...]:
        """The training loss of each epoch."""

    def summarise(self) -> dict[str, Any]:
        """Losses, parameters, and what else the method counts."""


@dataclass(frozen=True)
class FoldResult:
    """What was fitted for a fold, and its recommendations. ``ranked``: what the ranker itself was fitted on, None where
    another method answered.
    """

    name: str
    fitted: Result[Fitted]
    answers: Result[FoldAnswers]
    ranked: "RankedFold | None" = None

    @property
    def votes(self) -> "Result[Votes] | None":
        """Those of retrieval."""
        return None if self.ranked is None else self.ranked.votes


@dataclass(frozen=True)
class RankedFold:
    """The inputs of a fold that the ranker answered, the ``earlier`` folds it is learned on, itself, the votes."""

    inputs: Result[FoldInputs]
    earlier: Result[list[Fold]]
    ranker: Result[Ranker]
    votes: Result[Votes]


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when needed. ``early``: of the hold-out."""

    config: TencentConfig
    ready: Prepared
    early: FoldResult
    measured: Result[dict[str, dict[str, Any]]]
    movement: Result[Movement]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the ``final`` fit on everything, how many ads were ``filled`` in, the submission."""

    final: FoldResult
    filled: int
    checked: list[Checked]


def validate(files: RawFiles, config: TencentConfig, run: Run) -> Validated:
    """Train on what the hold-out shows, answer its queries, evaluate."""
    # 1. and 2. Read either layout into arrays; hold out the first clicks behind a cut.
    ready = prepare(files, config, run)
    # 3. Train on earlier cuts of the log, answer the held-out queries.
    early = answer_fold(ready, ready.valid, config, run, "valid")
    measured = run.step(metrics.evaluate_ways, ready.valid, early.answers, config.host, name="measure")
    host, division = plan_host(config, ready.plan.value), plan_split(config, ready.plan.value)
    movement = run.step(measure_movement, ready.corpus, ready.valid, host, division, config.seed, name="movement")
    say_promise(promise(ready.valid.value, early.answers.value.best, config.host, movement.value))
    return Validated(config, ready, early, measured, movement)


def solve(files: RawFiles, config: TencentConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    validated = validate(files, config, run)
    ready = validated.ready
    # 4. Train again on everything, answer the organiser's queries.
    final = answer_fold(ready, ready.test, config, run, "test", validated.early.votes)
    # 5. Write the three forms, read each back from disk and check it.
    ads, filled = run.step(submission.choose_ads, ready.corpus, ready.test, final.answers, name="choose").value
    checked = submission.write_and_check(ready.corpus.value, ads, run.folder)
    return Outcome(**vars(validated), final=final, filled=filled, checked=checked)


def prepare(files: RawFiles, config: TencentConfig, run: Run) -> Prepared:
    """From raw files to the two folds."""
    step = run.step
    for note in reader.note_unread(files):
        say(f"  {note.file}: {note.count} {note.what}: {note.first}")
    corpus = step(reader.read_corpus, dataclasses.replace(files, embeddings={}))  # another embedding is no other corpus
    embeddings = read_embeddings(files, corpus, config, run)

    settings = PlanSettings(
        target=config.host.target,
        actions=config.host.actions,
        kind=config.split.kind,
        earlier=config.split.earlier,
        channels=config.ranker.channels,
        list_length=config.ranker.list_length,
    )
    plan = step(make_plan, corpus, len(embeddings), settings)
    say_decisions(plan.value.decisions)
    host, division = plan_host(config, plan.value), plan_split(config, plan.value)

    train, candidates, actions = corpus.train, corpus.candidates, corpus.actions
    valid = step(split.hold_out, train, candidates, host, division, config.seed)
    test = step(split.build_test_fold, train, corpus.test, candidates, actions, host, name="ask_test")
    contents = [step(prepare_content, each, name=f"content.{label}") for label, each in embeddings.items()]
    return Prepared(corpus, collect([*embeddings.values()]), collect(contents), plan, valid, test)


def read_embeddings(
    files: RawFiles, corpus: Result[Corpus], config: TencentConfig, run: Run
) -> dict[str, Result[Embedding]]:
    """All embeddings that are there, or those that ``host.embeddings`` names, by name."""
    wanted = config.host.embeddings
    if isinstance(wanted, str):
        names = sorted(files.embeddings)
    else:
        found = {name: files.find_embedding(name) for name in wanted}
        for name in (name for name, there in found.items() if there is None):
            say(f"  {name} is not among the files: an ad's content is what is there without it")
        names = [there for there in found.values() if there is not None]
        for other in sorted(set(files.embeddings) - set(names)):
            say(f"  {other} is among the files and not read: host.embeddings does not name it")
    return {
        name: run.step(reader.read_embedding, files.embeddings[name], corpus.catalogue, name, name=f"embedding.{name}")
        for name in names
    }


def plan_host(config: TencentConfig, plan: Plan) -> HostSettings:
    """What is scored, as the plan has it."""
    return msgspec.structs.replace(config.host, target=plan.target, actions=plan.actions)


def plan_split(config: TencentConfig, plan: Plan) -> SplitSettings:
    """The split as the plan has it."""
    return msgspec.structs.replace(config.split, kind=plan.kind, earlier=plan.earlier)


def answer_fold(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str, votes: Result[Votes] | None = None
) -> FoldResult:
    """Train on what a fold shows, answer its queries: by the ranker, with ``votes`` where they are learned already, or
    by the one other method.
    """
    if config.method == "network":
        from competitions.tencent.lab.pipeline import answer_by_network  # lazily: torch modules nobody else needs

        return answer_by_network(ready, fold, config, run, name)
    return rank(ready, fold, config, run, name, votes)


def forecast(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str
) -> tuple[Result[list[Fold]], Result[list[Forecast]]]:
    """Folds at earlier cuts of a fold's history, and from these how often each ad will be shown."""
    step, corpus, plan, seed = run.step, ready.corpus, ready.plan.value, config.seed
    host, division = plan_host(config, plan), plan_split(config, plan)
    train, candidates = corpus.train, corpus.candidates
    earlier = step(split.earlier_folds, train, candidates, fold, host, division, seed, name=f"{name}.ask")
    ends = [each.train_ends for each in earlier.value] if plan.times else []
    statistics = collect([step(measure_ads, corpus, each, plan.times, name="ads") for each in ends])
    recipe = ForecastRecipe(config.split.horizon_hours, config.ranker.forecast, config.model_seed)
    return earlier, step(fit_forecasts, corpus, fold, earlier, statistics, recipe, name=f"{name}.forecast")


def rank(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str, votes: Result[Votes] | None = None
) -> FoldResult:
    """Retrieve and describe the candidates of earlier folds, train the ranker on these, rank the fold's own.

    ``votes``: those of the hold-out, None where they are to be learned.
    """
    step, settings, seed = run.step, config.ranker, config.model_seed
    earlier, forecasts = forecast(ready, fold, config, run, name)
    folds = [step(split.take_fold, earlier, at, name=f"{name}.ask{at}") for at in range(len(earlier.value))]
    opener = FoldOpener(ready.corpus, ready.contents, ready.plan, forecasts, settings, run, name)
    votes = votes or opener.learn_votes(folds, seed)
    lists = [
        step(ranking.list_candidates, opener.open(each, at, votes), settings.features, name=f"{name}.describe{at}")
        for at, each in enumerate(folds)
    ]
    ranker = step(ranking.fit, collect(lists), settings.fit, seed, name=f"{name}.fit")
    inputs = opener.open(fold, -1, votes)
    parts = [
        step(ranking.answer, inputs, ranker, settings.features, part, name=f"{name}.answer{part}")
        for part in range(ranking.count_parts(fold.value))
    ]
    answers = step(ranking.join_answers, collect(parts), name=f"{name}.answer")
    return FoldResult(name, ranker, answers, RankedFold(inputs, earlier, ranker, votes))


def hold_out_again(ready: Prepared, config: TencentConfig, run: Run, times: int) -> list[Prepared]:
    """The hold-out made again inside itself, so many times, each without the targets of the one before: for studies,
    which must not see the hold-out.
    """
    inner, plan = [], ready.plan.value
    corpus, fold = ready.corpus, ready.valid
    host, division, seed = plan_host(config, plan), plan_split(config, plan), config.seed
    for depth in range(times):
        corpus = run.step(split.end_corpus, corpus, fold, name=f"tune.corpus{depth}")
        label = f"tune.hold_out{depth}"
        fold = run.step(split.hold_out, corpus.train, corpus.candidates, host, division, seed, name=label)
        inner.append(dataclasses.replace(ready, corpus=corpus, valid=fold))
    return inner
