"""The rungs of the ladder that are sequence models: the channel alone, with one encoder after the other."""

from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from competitions.tencent.config import SequenceSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.io.schema import TOP
from competitions.tencent.lab import semantic_ids
from competitions.tencent.lab.encoders import Bert4Rec, Hstu, TwoTower
from competitions.tencent.lab.plain_rules import rank_all
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.sequence import BuildEncoder, SequenceTable, fit
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder
from competitions.tencent.retrieval.sequence_model.training import choose_examples
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

WITH_CONTENT = "sasrec-content"
QUERY_BLOCK = 256


@dataclass(frozen=True)
class SequenceRung:
    """The ``title`` of a rung, its encoder, and the settings of its training."""

    title: str
    build: BuildEncoder
    settings: SequenceSettings


IDS = SequenceSettings(content=False)
SEQUENCE_RUNGS = {
    "two-towers": SequenceRung("two towers, ids only", TwoTower, IDS),
    "bert4rec": SequenceRung("BERT4Rec, ids only", Bert4Rec, IDS),
    "hstu": SequenceRung("HSTU, ids only", Hstu, msgspec.structs.replace(IDS, blocks=2)),
    # The channel is SASRec: a dot product with one block's output; arXiv 2508.06450 for the loss.
    "sasrec": SequenceRung("SASRec with sampled softmax, ids only", CausalEncoder, IDS),
    WITH_CONTENT: SequenceRung("+ content", CausalEncoder, SequenceSettings()),  # the channel, alone
}


def fit_rung(corpus: Corpus, contents: list[Content], fold: Fold, key: str, seed: int) -> SequenceTable:
    """The model of the rung of this ``key``, of what the fold shows."""
    rung = SEQUENCE_RUNGS[key]
    return fit(fold.history(corpus.train), corpus.catalogue, contents, rung.settings, seed, rung.build)


@torch.inference_mode()
def answer_rung(corpus: Corpus, fold: Fold, table: SequenceTable, key: str) -> TopK:
    """The ten candidates of the largest scores, seen ads masked."""
    tower, rows = table.load(SEQUENCE_RUNGS[key].build(table.settings)), fold.candidates
    queries, ads = fold.queries(corpus.train), table.take(rows).T

    def score(block: Int64s) -> Tensor:
        return table.encode(tower, queries.take(block), fold.condition[block]) @ ads

    return rank_all(score, queries, rows, TOP, QUERY_BLOCK)


def answer_generatively(corpus: Corpus, fold: Fold, table: SequenceTable, seed: int) -> TopK:
    """The ten likeliest semantic IDs, among those of the candidates, by the encoder of ``WITH_CONTENT``."""
    history, rows = fold.history(corpus.train), fold.candidates
    examples = choose_examples(history, len(corpus.catalogue.oid), table.settings)
    tower = table.load(SEQUENCE_RUNGS[WITH_CONTENT].build(table.settings))
    vectors = functional.normalize(torch.from_numpy(table.vectors.astype(np.float32)), dim=1)
    tables = semantic_ids.fit_codebooks(
        vectors.numpy()[1:], semantic_ids.LEVELS, semantic_ids.CODES, seed
    )  # row 0: padding
    ids = semantic_ids.add_tie_digit(semantic_ids.encode(vectors.numpy(), tables), examples.known.share)
    head = semantic_ids.train_head(table, tower, examples, ids, seed)
    queries = fold.queries(corpus.train)
    hidden = torch.cat(
        [table.encode(tower, queries.take(block), fold.condition[block]) for block in blocks(len(queries), QUERY_BLOCK)]
    )
    return semantic_ids.beam_search(head, hidden, semantic_ids.build_trie(ids[rows]), queries, rows)
