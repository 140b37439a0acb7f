"""Tencent, top to bottom: what users were shown, clicked and skipped -> the ten ads that each will most likely click.

    make tencent        or        python -m competitions run tencent --raw data/tencent/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. A fold is the organiser's
question, or the same one asked earlier (``split``): the hold-out, and behind it the folds that fusion and ranker learn
on. All go through the same functions. Channels retrieve a few hundred candidates, which a ranker orders.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.engine.decisions import AUTO, say_decisions
from common.engine.progress import say
from common.engine.run import Result, Run, collect, derive
from common.io.submission import Checked
from common.learning.chain import Chain
from common.learning.gbdt import Ranker
from competitions.tencent import metrics, ranking, split, submission
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, RawFiles
from competitions.tencent.features.lifts import fit_lifts
from competitions.tencent.features.popularity import sort_log
from competitions.tencent.fold_tables import FoldTables, Fusion
from competitions.tencent.io import reader
from competitions.tencent.plan import Plan, make_plan
from competitions.tencent.retrieval.channel import Table
from competitions.tencent.retrieval.content import Content, read_content
from competitions.tencent.retrieval.fusion import learn_fusion, weigh_evenly
from competitions.tencent.retrieval.registry import find_channel, name_channels
from competitions.tencent.split import Fold, take_history
from competitions.tencent.top_k import FoldAnswers


@dataclass(frozen=True)
class Folds:
    """The log, and the folds: ``test`` the organiser's, ``valid`` the hold-out, ``earlier`` those behind it, from the
    latest to the earliest; ``embeddings``: files of the embeddings that are read, by name.
    """

    corpus: Result[Corpus]
    plan: Result[Plan]
    test: Result[Fold]
    valid: Result[Fold]
    earlier: list[Result[Fold]]
    embeddings: dict[str, tuple[Path, ...]]


@dataclass(frozen=True)
class RankedFold:
    """A fold and its recommendations: its ``tables``, the ``fusion`` weights of its channels, the ``ranker``, and how
    many lists that ``learned`` from.
    """

    fold: Result[Fold]
    tables: Result[FoldTables]
    fusion: Result[Fusion]
    ranker: Result[Ranker | None]
    learned: Result[int]
    answers: Result[FoldAnswers]

    def submit(self, way: str) -> "RankedFold":
        """The same whose submitted answer is another ``way``'s."""
        return dataclasses.replace(self, answers=derive(FoldAnswers.submit, self.answers, way))


@dataclass(frozen=True)
class Validated:
    """What a run knows once it has validated; results are read from disk when needed. ``early``: of the hold-out;
    ``second``: of the fold before it, where that is scored as well, by what the hold-out teaches; ``chain``: which way
    to answer is handed in.
    """

    config: TencentConfig
    ready: Folds
    early: RankedFold
    second: RankedFold | None
    chain: Result[Chain]
    measured: Result[dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Outcome(Validated):
    """What a whole run leaves: the ``final`` fit on everything, how many ads were ``filled`` in, the submission."""

    final: RankedFold
    filled: int
    checked: list[Checked]


def validate(files: RawFiles, config: TencentConfig, run: Run) -> Validated:
    """Train on what the hold-out shows, answer its queries, evaluate."""
    # 1. and 2. Read either layout into arrays; ask the organiser's question earlier, again and again.
    ready = prepare(files, config, run)
    # 3. Train on the earlier folds, answer the held-out queries.
    early = rank(ready, ready.valid, ready.earlier, config, run, "valid")
    answer, host = config.ranker.answer, config.host
    chain = run.step(metrics.judge_ways, ready.valid, early.answers, host, answer, early.learned, name="judge")
    chain.value.say()
    early, second = early.submit(chain.value.answer), None
    if config.split.folds > 1 and ready.earlier:
        before, *others = ready.earlier
        second = rank(ready, before, [ready.valid, *others], config, run, "second").submit(chain.value.answer)
    measured = run.step(metrics.evaluate_ways, ready.valid, early.answers, host, name="measure")
    if len(ready.valid.value.users):
        best, plan = early.answers.value.best, ready.plan.value
        expected = metrics.expect_score(ready.valid.value, best, config.host, plan.times)
        metrics.say_expected(expected, plan.other_question)
    return Validated(config, ready, early, second, chain, measured)


def solve(files: RawFiles, config: TencentConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    validated = validate(files, config, run)
    ready = validated.ready
    # 4. Train again, on the hold-out as well, and answer the organiser's queries.
    final = rank(ready, ready.test, [ready.valid, *ready.earlier], config, run, "test", validated.early.fusion)
    final = final.submit(validated.chain.value.answer)
    # 5. Write the forms, read each back from disk and check it.
    ads, filled = run.step(submission.choose_ads, ready.corpus, ready.test, final.answers, name="choose").value
    checked = submission.write_and_check(ready.corpus.value, ads, run.folder)
    return Outcome(**vars(validated), final=final, filled=filled, checked=checked)


def prepare(files: RawFiles, config: TencentConfig, run: Run) -> Folds:
    """From raw files to the folds; of the embeddings their number is enough."""
    step, embeddings = run.step, {name: files.embeddings[name] for name in name_embeddings(files, config)}
    for note in reader.note_unread(files):
        say(f"  {note.file}: {note.rows} {note.what}: {note.done}")
    corpus = step(reader.read_corpus, dataclasses.replace(files, embeddings={}))  # another embedding is no other corpus
    say_unread(files, config)
    run.warn(step(reader.compare_files, corpus).value)

    plan = step(make_plan, corpus, len(embeddings), config)
    say_decisions(plan.value.decisions)

    train, queries, candidates, actions = (corpus.field(name) for name in ("train", "test", "candidates", "actions"))
    test = step(split.build_test_fold, train, queries, candidates, actions, name="ask")
    # The value, not the plan: what is decided otherwise of a channel, say, is another plan and the same fold.
    folds = step(split.rewind, train, test, plan.value.rewind, config.seed)
    split.say_folds(test.value, folds.value)
    taken = [step(split.take_fold, folds, at, name=f"ask{at}") for at in range(len(folds.value))]
    return Folds(corpus, plan, test, taken[0], taken[1:], embeddings)


def name_embeddings(files: RawFiles, config: TencentConfig) -> list[str]:
    """All embeddings that are there, or those that ``host.embeddings`` names."""
    named, names = config.host.embeddings, sorted(files.embeddings)
    return names if isinstance(named, str) else [name for name in named if name in names]


def say_unread(files: RawFiles, config: TencentConfig) -> None:
    """Say which embeddings the setting names that are not there, and the other way round."""
    present, named = set(files.embeddings), config.host.embeddings
    for name in sorted(present.symmetric_difference(present if isinstance(named, str) else named)):
        is_read = "not read: host.embeddings does not name it"
        is_there = "not in the files; the content of an ad comes from the others"
        say(f"  {name} is {is_read if name in present else is_there}")


def read_contents(ready: Folds, run: Run) -> dict[str, Result[Content]]:
    """The embeddings of the ads, by name."""
    catalogue, step = ready.corpus.field("catalogue"), run.step
    return {
        name: step(read_content, paths, catalogue, name, name=f"embedding.{name}")
        for name, paths in ready.embeddings.items()
    }


def rank(
    ready: Folds,
    fold: Result[Fold],
    earlier: Sequence[Result[Fold]],
    config: TencentConfig,
    run: Run,
    name: str,
    fusion: Result[Fusion] | None = None,
) -> RankedFold:
    """Retrieve and describe the candidates of ``earlier`` folds, train the ranker on these, rank the fold's own.

    ``fusion``: the weights that the hold-out learned, None where they are to be learned.
    """
    step, settings, seed = run.step, config.ranker, config.model_seed
    fusion = fusion or fuse(ready, earlier[:1], config, run, name)
    lists = []
    for each in earlier:
        inputs = ready.corpus, each, fit_tables(ready, each, fusion, config, run), settings.features, config.seed
        lists.append(step(ranking.list_candidates, *inputs, name="describe"))
    ranker = step(ranking.fit, collect(lists), ready.plan.value.trees, seed, name=f"{name}.fit")
    tables = fit_tables(ready, fold, fusion, config, run)
    parts = [
        step(ranking.answer, ready.corpus, fold, tables, ranker, settings.features, part, name=f"{name}.answer{part}")
        for part in range(len(ranking.split_parts(fold.value)))
    ]
    answers = step(ranking.join_answers, fold, collect(parts), name=f"{name}.answer")
    return RankedFold(fold, tables, fusion, ranker, derive(ranking.count_lists, collect(lists)), answers)


def fit_tables(
    ready: Folds, fold: Result[Fold], fusion: Result[Fusion], config: TencentConfig, run: Run
) -> Result[FoldTables]:
    """What is fitted on a fold's history: a step a channel, so that one that leaves has no other fitted again. Keyed by
    the content of what they take, so that folds whose histories end alike share what is fitted on them.
    """
    step, plan, corpus, candidates = run.step, ready.plan.value, ready.corpus, fold.value.candidates
    catalogue, contents = corpus.field("catalogue"), read_contents(ready, run)
    history = derive(take_history, corpus.field("train"), fold.value.train_ends)
    log = step(sort_log, history, candidates, plan.kinds, name="popularity")
    inputs = {
        "history": history,
        "catalogue": catalogue,
        "candidates": candidates,
        "contents": collect([*contents.values()]),
        "counted": plan.counted,
        "exposures": plan.exposures,
        "settings": plan.sequence,
        "seed": config.model_seed,
    }
    tables: dict[str, Result[Table]] = {}
    for name in fusion.value.channels:
        channel = find_channel(name)
        taken = (inputs[each] for each in channel.takes)
        tables[name] = contents.get(name) or step(channel.fit, *taken, name=name)
    lifts = step(fit_lifts, history, catalogue, name="lifts")
    return derive(FoldTables, catalogue, log, collect(tables), lifts, fusion, plan.list_length)


def fuse(ready: Folds, folds: Sequence[Result[Fold]], config: TencentConfig, run: Run, name: str) -> Result[Fusion]:
    """The channels' fusion weights by the latest earlier fold; even ones where there is none."""
    settings, channels = config.ranker, name_channels(ready.plan.value.channels, ready.embeddings)
    even = derive(weigh_evenly, channels)
    if not folds:
        return even
    tables, kept = fit_tables(ready, folds[0], even, config, run), settings.channels != AUTO
    # Not the fits' seed: which queries are learned from is a draw of data, and the same in every fit.
    features, seed = settings.features, config.seed
    return run.step(learn_fusion, ready.corpus, folds[0], tables, features, kept, seed, name=f"{name}.fusion")
