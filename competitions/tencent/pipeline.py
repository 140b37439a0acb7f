"""Tencent, top to bottom: what users were shown, clicked and skipped -> the ten ads that each will most likely click.

    make tencent        or        python -m competitions run tencent --raw data/tencent/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. The hold-out and the organiser's
own queries go through the same functions; training histories end at ``Fold.train_ends``. Channels retrieve a few
hundred candidates, which a ranker orders.
"""

import dataclasses
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.engine.decisions import AUTO, say_decisions
from common.engine.progress import say
from common.engine.run import Result, Run, bundle, collect, collect_named, derive
from common.io.submission import Checked
from competitions.tencent import metrics, ranking, split, submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Embedding, RawFiles
from competitions.tencent.expected_score import expect_score, say_expected
from competitions.tencent.features.action_rates import fit_action_rates
from competitions.tencent.features.forecast import (
    AdStatistics,
    Forecast,
    ForecastRecipe,
    compute_statistics,
    fit_forecasts,
)
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.fold_tables import FoldTables, Pool, make_pool
from competitions.tencent.io import reader
from competitions.tencent.plan import Plan, make_plan
from competitions.tencent.ranking import Ranker
from competitions.tencent.retrieval.channel import Table
from competitions.tencent.retrieval.content import Content, prepare_content
from competitions.tencent.retrieval.fusion import Fusion, weigh_evenly
from competitions.tencent.retrieval.fusion_learning import learn_fusion
from competitions.tencent.retrieval.registry import find_channel, name_channels
from competitions.tencent.sequences import Histories
from competitions.tencent.split import Fold, take_history
from competitions.tencent.top_k import FoldAnswers


@dataclass(frozen=True)
class Prepared:
    """What was read, and the two folds: ``valid`` with known targets, ``test`` the organiser's."""

    corpus: Result[Corpus]
    embeddings: Result[list[Embedding]]
    contents: dict[str, Result[Content]]
    plan: Result[Plan]
    valid: Result[Fold]
    test: Result[Fold]


@dataclass(frozen=True)
class RankedFold:
    """A fold and its recommendations: its ``tables``, the ``earlier`` folds that the ``ranker`` is learned on, and the
    ``fusion`` weights of its channels.
    """

    name: str
    fold: Result[Fold]
    tables: Result[FoldTables]
    earlier: Result[list[Fold]]
    fusion: Result[Fusion]
    ranker: Result[Ranker]
    answers: Result[FoldAnswers]


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when needed. ``early``: of the hold-out."""

    config: TencentConfig
    ready: Prepared
    early: RankedFold
    measured: Result[dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the ``final`` fit on everything, how many ads were ``filled`` in, the submission."""

    final: RankedFold
    filled: int
    checked: list[Checked]


def validate(files: RawFiles, config: TencentConfig, run: Run) -> Validated:
    """Train on what the hold-out shows, answer its queries, evaluate."""
    # 1. and 2. Read either layout into arrays; hold out the first clicks behind a cut.
    ready = prepare(files, config, run)
    # 3. Train on earlier cuts of the log, answer the held-out queries.
    early = rank(ready, ready.valid, config, run, "valid")
    measured = run.step(metrics.evaluate_ways, ready.valid, early.answers, config.host, name="measure")
    kind = ready.plan.value.split.kind
    say_expected(expect_score(ready.valid.value, early.answers.value.best, config.host, kind))
    return Validated(config, ready, early, measured)


def solve(files: RawFiles, config: TencentConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    validated = validate(files, config, run)
    ready = validated.ready
    # 4. Train again on everything, answer the organiser's queries.
    final = rank(ready, ready.test, config, run, "test", validated.early.fusion)
    # 5. Write the three forms, read each back from disk and check it.
    ads, filled = run.step(submission.choose_ads, ready.corpus, ready.test, final.answers, name="choose").value
    checked = submission.write_and_check(ready.corpus.value, ads, run.folder)
    return Outcome(**vars(validated), final=final, filled=filled, checked=checked)


def prepare(files: RawFiles, config: TencentConfig, run: Run) -> Prepared:
    """From raw files to the two folds."""
    step = run.step
    for note in reader.note_unread(files):
        say(f"  {note.file}: {note.rows} {note.what}: {note.done}")
    corpus = step(reader.read_corpus, dataclasses.replace(files, embeddings={}))  # another embedding is no other corpus
    embeddings = read_embeddings(files, corpus, config, run)

    channels, list_length = config.ranker.channels, config.ranker.list_length
    plan = step(make_plan, corpus, len(embeddings), config.host, config.split, channels, list_length)
    say_decisions(plan.value.decisions)
    # Their values, not the plan: what is decided otherwise of a channel, say, is another plan and the same fold.
    host, division = plan.value.host, plan.value.split

    train, candidates, actions = corpus.train, corpus.candidates, corpus.actions
    valid = step(split.hold_out, train, candidates, host, division, config.seed)
    test = step(split.build_test_fold, train, corpus.test, candidates, actions, host, name="ask_test")
    contents = {label: step(prepare_content, each, name=f"content.{label}") for label, each in embeddings.items()}
    return Prepared(corpus, collect([*embeddings.values()]), contents, plan, valid, test)


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
            say(f"  {name} is not in the files; the content of an ad comes from the others")
        names = [there for there in found.values() if there is not None]
        for other in sorted(set(files.embeddings) - set(names)):
            say(f"  {other} is not read: host.embeddings does not name it")
    return {
        name: run.step(reader.read_embedding, files.embeddings[name], corpus.catalogue, name, name=f"embedding.{name}")
        for name in names
    }


def rank(
    ready: Prepared,
    fold: Result[Fold],
    config: TencentConfig,
    run: Run,
    name: str,
    fusion: Result[Fusion] | None = None,
) -> RankedFold:
    """Retrieve and describe the candidates of earlier folds, train the ranker on these, rank the fold's own.

    ``fusion``: the weights that the hold-out learned, None where they are to be learned.
    """
    step, settings, seed = run.step, config.ranker, config.model_seed
    earlier, forecasts = forecast(ready, fold, config, run, name)
    folds = [step(split.take_fold, earlier, at, name=f"{name}.ask{at}") for at in range(len(earlier.value))]
    pools = [
        fit_pool(ready, each, forecasts, at, config, run, f"{name}.pool{at if at >= 0 else ''}")
        for at, each in [*enumerate(folds), (-1, fold)]
    ]
    fusion = fusion or fuse(ready, folds[:1], pools[0], config, run, name)
    lists = [
        step(
            ranking.list_candidates,
            ready.corpus,
            each,
            fit_tables(ready, each, pools[at], fusion, config, run),
            settings.features,
            name=f"{name}.describe{at}",
        )
        for at, each in enumerate(folds)
    ]
    ranker = step(ranking.fit, collect(lists), settings.fit, seed, name=f"{name}.fit")
    tables = fit_tables(ready, fold, pools[-1], fusion, config, run)
    parts = [
        step(ranking.answer, ready.corpus, fold, tables, ranker, settings.features, part, name=f"{name}.answer{part}")
        for part in range(ranking.count_parts(fold.value))
    ]
    answers = step(ranking.join_answers, collect(parts), name=f"{name}.answer")
    return RankedFold(name, fold, tables, earlier, fusion, ranker, answers)


def forecast(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str
) -> tuple[Result[list[Fold]], Result[list[Forecast]]]:
    """Folds at earlier cuts of a fold's history, and from these how often each ad will be shown: one forecast per
    earlier fold and, last, the fold's own.
    """
    step, corpus, plan, seed = run.step, ready.corpus, ready.plan.value, config.seed
    train, candidates = corpus.train, corpus.candidates
    earlier = step(split.earlier_folds, train, candidates, fold, plan.host, plan.split, seed, name=f"{name}.ask")
    measured = [measure_ads(ready, each, run) for each in earlier.value] if plan.times else []
    recipe = ForecastRecipe(config.split.horizon_hours, config.ranker.forecast, config.model_seed)
    return earlier, step(fit_forecasts, corpus, fold, earlier, collect(measured), recipe, name=f"{name}.forecast")


def measure_ads(ready: Prepared, fold: Fold, run: Run) -> Result[AdStatistics]:
    """The statistics of all ads where a fold's history ends."""
    history, times = take_fold_history(ready, fold, run), ready.plan.value.times
    return run.step(compute_statistics, history, ready.corpus.catalogue, times, name="ads")


def take_fold_history(ready: Prepared, fold: Fold, run: Run) -> Result[Histories]:
    """What may be learned from, keyed by the content of ``train_ends``: folds whose histories end alike share what is
    fitted on them.
    """
    return derive(take_history, sequences=ready.corpus.train, ends=run.hold(fold.train_ends))


def fit_pool(
    ready: Prepared,
    fold: Result[Fold],
    forecasts: Result[list[Forecast]],
    at: int,
    config: TencentConfig,
    run: Run,
    name: str,
) -> Result[Pool]:
    """The candidates of a fold that are searched, by the forecast ``at`` this index."""
    statistics, most = measure_ads(ready, fold.value, run), config.ranker.features.pool
    return run.step(make_pool, fold, statistics, forecasts, at, most, name=name)


def fit_tables(
    ready: Prepared, fold: Result[Fold], pool: Result[Pool], fusion: Result[Fusion], config: TencentConfig, run: Run
) -> Result[FoldTables]:
    """What is fitted on a fold's history: a step a channel, so that one that leaves has no other fitted again."""
    step, catalogue = run.step, ready.corpus.catalogue
    history = take_fold_history(ready, fold.value, run)
    given = {
        "history": history,
        "catalogue": catalogue,
        "candidates": pool.value.rows,
        "contents": collect([*ready.contents.values()]),
        "seed": config.model_seed,
    }
    tables: dict[str, Result[Table]] = {}
    for name in fusion.value.channels:
        fit = find_channel(name).fit
        tables[name] = ready.contents.get(name) or step(
            fit, *(given[each] for each in inspect.signature(fit).parameters), name=name
        )
    rates = ready.plan.value.host.actions
    return bundle(
        FoldTables,
        catalogue=catalogue,
        statistics=measure_ads(ready, fold.value, run),
        pool=pool,
        tables=collect_named(tables),
        lifts=step(fit_lifts, history, catalogue, name="lifts"),
        action_rates=step(fit_action_rates, history, catalogue, name="rates") if rates else run.hold(None),
        fusion=fusion,
        list_length=ready.plan.list_length,
    )


def fuse(
    ready: Prepared, folds: Sequence[Result[Fold]], pool: Result[Pool], config: TencentConfig, run: Run, name: str
) -> Result[Fusion]:
    """The channels' fusion weights by the latest earlier fold; even ones where there is none."""
    settings, channels = config.ranker, name_channels(ready.plan.value.channels, ready.contents)
    even = run.hold(weigh_evenly({name: find_channel(name) for name in channels}))
    if not folds:
        return even
    tables, kept = fit_tables(ready, folds[0], pool, even, config, run), settings.channels != AUTO
    features, seed = settings.features, config.model_seed
    return run.step(learn_fusion, ready.corpus, folds[0], tables, features, kept, seed, name=f"{name}.fusion")
