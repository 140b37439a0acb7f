"""Tencent, top to bottom: what users were shown, clicked and skipped -> the ten ads that each will most likely click.

    make tencent        or        python -m competitions run tencent --raw data/tencent/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. The hold-out and the host's own
question go through the same functions; what may be learned from ends where ``Fold.ends`` says.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from common.errors import UserError
from common.pipeline.progress import say
from common.pipeline.run import Result, Run
from common.submission import Checked
from competitions.tencent import split, submission
from competitions.tencent.config import HostSettings, SplitSettings, TencentConfig
from competitions.tencent.corpus import Corpus, Embedding, Int64s
from competitions.tencent.ensemble import ensemble
from competitions.tencent.ensemble.ensemble import Mixed
from competitions.tencent.ids import Oids
from competitions.tencent.inference import stages
from competitions.tencent.inference.stages import Answer
from competitions.tencent.io import reader, schema
from competitions.tencent.model.cooccurrence_term import Memory
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained


@dataclass(frozen=True)
class Prepared:
    """What was read, and the two questions: ``valid`` with known answers, ``test`` the host's."""

    corpus: Result[Corpus]
    embeddings: list[Result[Embedding]]
    valid: Result[Fold]
    test: Result[Fold]


@dataclass(frozen=True)
class Taught:
    """What was learned for one question, and what it answers; ``mixed``: of the open mode, None where that is off."""

    words: Result[Int64s | None]
    memory: Result[Memory | None]
    trained: Result[Trained]
    answer: Result[Answer]
    mixed: Result[Mixed] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its summary; results are read from disk when asked."""

    config: TencentConfig
    ready: Prepared
    early: Taught
    final: Taught
    measured: Result[dict[str, dict[str, Any]]]
    filled: int
    checked: list[Checked]


def solve(files: reader.RawFiles, config: TencentConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    # 1. and 2. Read either layout into arrays; hold out the first clicks behind a cut.
    ready = prepare(files, config, run)

    # 3. Learn from what lies before the cut, answer the held-out queries, measure.
    early = learn_and_answer(ready, ready.valid, config, run, "valid")
    early = mix_in(ready, ready.valid, early, None, config, run, "valid")
    measured = run.step(measure, ready.valid, early.answer, early.mixed, config.host)

    # 4. Learn again from everything, answer the host's question.
    final = learn_and_answer(ready, ready.test, config, run, "test", early)
    final = mix_in(ready, ready.test, final, early.mixed, config, run, "test")

    # 5. Write the three forms, read each back from disk and check it.
    chosen, filled = run.step(choose, ready.corpus, ready.test, final.answer, final.mixed).value
    corpus = ready.corpus.value
    expected = list_expected(corpus)
    paths = submission.write_submissions(corpus.asked_users.names, Oids(np.asarray(chosen)), run.folder)
    checked = [submission.check_submission(path, expected) for path in paths]
    return Outcome(config, ready, early, final, measured, filled, checked)


def prepare(files: reader.RawFiles, config: TencentConfig, run: Run) -> Prepared:
    """From raw files to the two questions."""
    step, seed = run.step, config.seed
    corpus = step(reader.read_corpus, dataclasses.replace(files, embeddings={}))  # another embedding is no other corpus
    embeddings = [
        step(read_embedding, files.embeddings[name], corpus, name, name=f"embedding.{name}")
        for name in config.host.embeddings
        if name in files.embeddings
    ]
    for name in config.host.embeddings:
        if name not in files.embeddings:
            say(f"  {name} is not among the files: an ad's content is its features without it")
    valid = step(hold_out, corpus, config.host, config.split, seed)
    return Prepared(corpus, embeddings, valid, step(ask_test, corpus, config.host))


def learn_and_answer(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str, early: Taught | None = None
) -> Taught:
    """Train on what a fold shows, and answer its queries. After an ``early`` training its weights may be gone on from:
    the words of ads then stay as they were learned.
    """
    corpus, embeddings, model, train, seed = ready.corpus, ready.embeddings, config.model, config.train, config.seed
    spelled = corpus, embeddings, fold, train.levels, train.codes, seed  # not what else training is told
    goes_on = early is not None and train.final == "continue"
    if goes_on:
        train = msgspec.structs.replace(train, epochs=train.final_epochs, rate=train.final_rate)
    words = early.words if early and goes_on else run.step(stages.spell, *spelled, name=f"{name}.spell")
    memory = run.step(stages.recollect, corpus, fold, model.memory, config.memory, seed, name=f"{name}.recollect")
    told = corpus, embeddings, fold, words, memory
    folder = str(run.folder.parent / "checkpoints")
    start = early.trained if early and goes_on else None
    trained = run.step(stages.fit, *told, model, train, seed, start, folder, name=f"{name}.fit")
    answered = run.step(stages.answer, *told, trained, model, train, config.retrieve, seed, name=f"{name}.answer")
    return Taught(words, memory, trained, answered)


def mix_in(
    ready: Prepared,
    fold: Result[Fold],
    taught: Taught,
    early: Result[Mixed] | None,
    config: TencentConfig,
    run: Run,
    name: str,
) -> Taught:
    """The open mode, where it is on: counts and regression mixed in with the weights of ``early``, or found here."""
    if not config.open.enabled:
        return taught
    corpus, seed = ready.corpus, config.seed
    tables = run.step(ensemble.fit_tables, corpus, fold, config.open, name=f"{name}.tables")
    weights = None if early is None else early.value.weights
    told = corpus, ready.embeddings, fold, taught.words, taught.memory, taught.trained, tables
    settings = config.model, config.train, config.open
    mixed = run.step(ensemble.answer, *told, *settings, weights, seed, name=f"{name}.open")
    return dataclasses.replace(taught, mixed=mixed)


def read_embedding(paths: tuple[Any, ...], corpus: Corpus, name: str) -> Embedding:
    """One multimodal embedding, by row of the catalogue."""
    return reader.read_embedding(paths, corpus.catalogue, name)


def hold_out(corpus: Corpus, host: HostSettings, settings: SplitSettings, seed: int) -> Fold:
    """The validation fold."""
    return split.hold_out(corpus.train, corpus.candidates, host, settings, seed)


def ask_test(corpus: Corpus, host: HostSettings) -> Fold:
    """The host's question. ``UserError`` where no list of ten can be made."""
    if len(corpus.candidates.rows) < submission.TOP:
        raise UserError(
            f"{schema.CANDIDATES}, or {schema.RELEASE_CANDIDATES}/, has {len(corpus.candidates.rows)} candidates where"
            f" each user is to get {submission.TOP}; download it again."
        )
    return split.ask_test(corpus.train, corpus.asked, corpus.candidates, corpus.actions, host)


def measure(fold: Fold, answer: Answer, mixed: Mixed | None, host: HostSettings) -> dict[str, dict[str, Any]]:
    """The scores of each way to answer."""
    ways = {"vectors": answer.vectors, "words": answer.words, "approximate index": answer.approximate}
    ways["open mode"] = None if mixed is None else mixed.top
    return {name: stages.measure(fold, found, host) for name, found in ways.items() if found is not None}


def choose(corpus: Corpus, fold: Fold, answer: Answer, mixed: Mixed | None) -> tuple[Int64s, int]:
    """Ten original ids a user, user after user, and how many were filled up.

    A user who has seen nearly every candidate has fewer than ten left: the most popular others fill the list, seen ones
    among them, since a list must have ten.
    """
    rows = fold.candidates.rows.values
    popularity = np.bincount(corpus.train.item, minlength=len(corpus.catalogue.oid))[rows]
    popular = np.argsort(-popularity, kind="stable")
    columns = (answer.vectors if mixed is None else mixed.top).columns.copy()
    short = np.flatnonzero((columns < 0).any(axis=1))
    for query in short:
        kept = columns[query][columns[query] >= 0]
        columns[query] = np.concatenate([kept, popular[~np.isin(popular, kept)]])[: columns.shape[1]]
    return corpus.catalogue.oid[rows[columns]].reshape(-1).astype(np.int64), len(short)


def list_expected(corpus: Corpus) -> submission.Expected:
    """What a submission is checked against."""
    return submission.Expected(corpus.asked_users.names, Oids(corpus.catalogue.oid[corpus.candidates.rows.values]))
