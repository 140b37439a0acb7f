"""Tencent, top to bottom: what users were shown, clicked and skipped -> the ten ads that each will most likely click.

    make tencent        or        python -m competitions run tencent --raw data/tencent/raw

Each call of ``run.step`` is kept on disk until something that it depends on changes. The hold-out and the host's own
question go through the same functions; what may be learned from ends where ``Fold.ends`` says.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import UserError
from common.progress import say
from common.run import Result, Run
from common.submission import Checked
from competitions.tencent import layout, learn, raw, splits, submit
from competitions.tencent.config import HostSettings, SplitSettings, TencentConfig
from competitions.tencent.data import Corpus, Embedding, Int64s
from competitions.tencent.ids import Oids
from competitions.tencent.learn import Answer
from competitions.tencent.splits import Fold
from competitions.tencent.train import Trained


@dataclass(frozen=True)
class Prepared:
    """What was read, and the two questions: ``valid`` with known answers, ``test`` the host's."""

    corpus: Result[Corpus]
    embeddings: list[Result[Embedding]]
    valid: Result[Fold]
    test: Result[Fold]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves for its summary; results are read from disk when asked."""

    config: TencentConfig
    ready: Prepared
    early: Result[Trained]
    final: Result[Trained]
    validated: Result[Answer]
    measured: Result[dict[str, dict[str, Any]]]
    answered: Result[Answer]
    filled: int
    checked: list[Checked]


def solve(files: raw.RawFiles, config: TencentConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    # 1. and 2. Read either layout into arrays; hold out the first clicks behind a cut.
    ready = prepare(files, config, run)

    # 3. Learn from what lies before the cut, answer the held-out queries, measure.
    early, validated = fit_and_answer(ready, ready.valid, config, run, "valid")
    measured = run.step(measure, ready.valid, validated, config.host)

    # 4. Learn again from everything, answer the host's question.
    final, answered = fit_and_answer(ready, ready.test, config, run, "test")

    # 5. Write the three forms, read each back from disk and check it.
    chosen, filled = run.step(choose, ready.corpus, ready.test, answered).value
    corpus = ready.corpus.value
    expected = list_expected(corpus)
    paths = submit.write_submissions(corpus.asked_users.names, Oids(np.asarray(chosen)), run.folder)
    checked = [submit.check_submission(path, expected) for path in paths]
    return Outcome(config, ready, early, final, validated, measured, answered, filled, checked)


def prepare(files: raw.RawFiles, config: TencentConfig, run: Run) -> Prepared:
    """From raw files to the two questions."""
    step, seed = run.step, config.seed
    corpus = step(raw.read_corpus, dataclasses.replace(files, embeddings={}))  # another embedding is no other corpus
    embeddings = [
        step(read_embedding, paths, corpus, name, name=f"embedding.{name}")
        for name, paths in files.embeddings.items()
        if name.split("_")[1] in config.host.embeddings
    ]
    for name in config.host.embeddings:
        if name not in files.embeddings:
            say(f"  {name} is not among the files: an ad's content is its features without it")
    valid = step(hold_out, corpus, config.host, config.split, seed)
    return Prepared(corpus, embeddings, valid, step(ask_test, corpus, config.host))


def fit_and_answer(
    ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str
) -> tuple[Result[Trained], Result[Answer]]:
    """Train on what a fold shows, and answer its queries."""
    corpus, embeddings, model, train, seed = ready.corpus, ready.embeddings, config.model, config.train, config.seed
    spelled = corpus, embeddings, fold, train.levels, train.codes, seed  # not what else training is told
    words = run.step(learn.spell, *spelled, name=f"{name}.spell")
    memory = run.step(learn.recollect, corpus, fold, model.memory, config.memory, seed, name=f"{name}.recollect")
    told = corpus, embeddings, fold, words, memory
    folder = str(run.folder.parent / "checkpoints")
    trained = run.step(learn.fit, *told, model, train, seed, folder, name=f"{name}.fit")
    answered = run.step(learn.answer, *told, trained, model, train, config.retrieve, seed, name=f"{name}.answer")
    return trained, answered


def read_embedding(paths: tuple[Any, ...], corpus: Corpus, name: str) -> Embedding:
    """One multimodal embedding, by row of the catalogue."""
    return raw.read_embedding(paths, corpus.catalogue, name)


def hold_out(corpus: Corpus, host: HostSettings, settings: SplitSettings, seed: int) -> Fold:
    """The validation fold."""
    return splits.hold_out(corpus.train, corpus.candidates, host, settings, seed)


def ask_test(corpus: Corpus, host: HostSettings) -> Fold:
    """The host's question. ``UserError`` where no list of ten can be made."""
    if len(corpus.candidates.rows) < submit.TOP:
        raise UserError(
            f"{layout.CANDIDATES}, or {layout.RELEASE_CANDIDATES}/, has {len(corpus.candidates.rows)} candidates where"
            f" each user is to get {submit.TOP}; download it again."
        )
    return splits.ask_test(corpus.train, corpus.asked, corpus.candidates, corpus.actions, host)


def measure(fold: Fold, answer: Answer, host: HostSettings) -> dict[str, dict[str, Any]]:
    """The scores of each way to answer."""
    ways = {"vectors": answer.vectors, "words": answer.words, "approximate index": answer.approximate}
    return {name: learn.measure(fold, found, host) for name, found in ways.items() if found is not None}


def choose(corpus: Corpus, fold: Fold, answer: Answer) -> tuple[Int64s, int]:
    """Ten original ids a user, user after user, and how many were filled up.

    A user who has seen nearly every candidate has fewer than ten left: the most popular others fill the list, seen ones
    among them, since a list must have ten.
    """
    rows = fold.candidates.rows.values
    popularity = np.bincount(corpus.train.item, minlength=len(corpus.catalogue.oid))[rows]
    popular = np.argsort(-popularity, kind="stable")
    columns = answer.vectors.columns.copy()
    short = np.flatnonzero((columns < 0).any(axis=1))
    for query in short:
        kept = columns[query][columns[query] >= 0]
        columns[query] = np.concatenate([kept, popular[~np.isin(popular, kept)]])[: columns.shape[1]]
    return corpus.catalogue.oid[rows[columns]].reshape(-1).astype(np.int64), len(short)


def list_expected(corpus: Corpus) -> submit.Expected:
    """What a submission is checked against."""
    return submit.Expected(corpus.asked_users.names, Oids(corpus.catalogue.oid[corpus.candidates.rows.values]))
