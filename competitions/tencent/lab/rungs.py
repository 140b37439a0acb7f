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
from competitions.tencent.lab.encoders import Bert4Rec, Hstu, TwoTower
from competitions.tencent.lab.generative import beam_search, train_head
from competitions.tencent.lab.plain_rules import rank_all
from competitions.tencent.lab.semantic_ids import CODES, LEVELS, add_tie_digit, build_trie, encode, fit_codebooks
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.sequence import BuildEncoder, SequenceTable, train
from competitions.tencent.retrieval.sequence_model.encoder import CausalEncoder
from competitions.tencent.retrieval.sequence_model.training import choose_examples
from competitions.tencent.sequences import blocks
from competitions.tencent.split import Fold
from competitions.tencent.top_k import TopK

WITH_CONTENT, GENERATIVE = "+ content", "generative, the same network"
QUERY_BLOCK = 256


@dataclass(frozen=True)
class SequenceRung:
    """An encoder, and the settings of its training; ``key``: of its rung."""

    key: str
    build: BuildEncoder
    settings: SequenceSettings


IDS = SequenceSettings(content=False)
SEQUENCE_RUNGS = {
    "two towers, ids only": SequenceRung("two-towers", TwoTower, IDS),
    "BERT4Rec, ids only": SequenceRung("bert4rec", Bert4Rec, IDS),
    "HSTU, ids only": SequenceRung("hstu", Hstu, msgspec.structs.replace(IDS, blocks=2)),
    # The channel is SASRec: a dot product with one block's output; arXiv 2508.06450 for the loss.
    "SASRec with sampled softmax, ids only": SequenceRung("sasrec", CausalEncoder, IDS),
    WITH_CONTENT: SequenceRung("sasrec-content", CausalEncoder, SequenceSettings()),  # the channel, alone
}


def fit_rung(corpus: Corpus, contents: list[Content], fold: Fold, name: str, seed: int) -> SequenceTable:
    """The model of the rung of this ``name``, of what the fold shows."""
    rung = SEQUENCE_RUNGS[name]
    return train(fold.history(corpus.train), corpus.catalogue, contents, rung.settings, rung.build, seed)


@torch.inference_mode()
def answer_rung(corpus: Corpus, fold: Fold, table: SequenceTable, name: str) -> TopK:
    """The ten candidates of the largest scores, seen ads masked."""
    tower, rows = table.load(SEQUENCE_RUNGS[name].build(table.settings)), fold.candidates
    queries, ads = fold.queries(corpus.train), table.take(rows).T

    def score(block: Int64s) -> Tensor:
        return table.encode(tower, queries.take(block), fold.condition[block]) @ ads

    return rank_all(score, queries, rows, TOP, QUERY_BLOCK)


def answer_generatively(corpus: Corpus, fold: Fold, table: SequenceTable, name: str, seed: int) -> TopK:
    """The same encoder's ten likeliest semantic IDs among those of the candidates."""
    history, rows = fold.history(corpus.train), fold.candidates
    examples = choose_examples(history, len(corpus.catalogue.oid), table.settings)
    tower = table.load(SEQUENCE_RUNGS[name].build(table.settings))
    vectors = functional.normalize(torch.from_numpy(table.vectors.astype(np.float32)), dim=1)
    tables = fit_codebooks(vectors.numpy()[1:], LEVELS, CODES, seed)  # row 0 is padding
    semantic_ids = add_tie_digit(encode(vectors.numpy(), tables), examples.known.share)
    head = train_head(table, tower, examples, semantic_ids, seed)
    queries = fold.queries(corpus.train)
    hidden = torch.cat(
        [table.encode(tower, queries.take(block), fold.condition[block]) for block in blocks(len(queries), QUERY_BLOCK)]
    )
    return beam_search(head, hidden, build_trie(semantic_ids[rows]), queries, rows)
