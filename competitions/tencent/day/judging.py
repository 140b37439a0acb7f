"""The score of a variant on the hold-out: exported as the final model is, to a folder that does not stay."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.day.serving.benchmark import Service, Variant, answer_all
from competitions.tencent.config import HostSettings
from competitions.tencent.corpus import Corpus
from competitions.tencent.day.requests import read_requests, write_requests
from competitions.tencent.inference.retrieval import TopK
from competitions.tencent.inference.stages import evaluate
from competitions.tencent.split import Fold

Names = tuple[str, str]  # in the table, and of the folder inside the export


def judge_variants(
    corpus: Corpus,
    fold: Fold,
    host: HostSettings,
    names: Sequence[Names],
    write: Callable[[Path], None],
    load: Callable[[Path, str], Service],
) -> list[Variant]:
    """``write`` exports the hold-out's model to a folder, ``load`` makes a service of one of its variants, which
    answers all queries of the hold-out ``fold``.
    """
    variants = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "export")
        write_requests(corpus.train, corpus.users, fold, np.arange(len(fold.users)), folder / "requests")
        requests = read_requests(folder / "requests")
        for title, own in names:
            columns = np.array(answer_all(load(folder / "export", own), requests)).astype(np.int64)
            scores = evaluate(fold, TopK(columns, np.zeros(columns.shape, np.float32)), host)
            variants.append(Variant(title, own, scores["score"], scores["score_error"]))
    return variants
