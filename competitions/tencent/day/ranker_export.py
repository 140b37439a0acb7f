"""Export a finished run of ``method = "ranker"``; the scores of fewer bits and of shorter lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.day.serving.benchmark import Export, spread
from common.engine.run import Run
from competitions.tencent import pipeline
from competitions.tencent.config import FeatureSettings, TencentConfig
from competitions.tencent.corpus import RawFiles
from competitions.tencent.day import ranker_service
from competitions.tencent.day.judging import judge_variants
from competitions.tencent.day.ranker_files import RankerVariant, write_shared, write_variant
from competitions.tencent.day.requests import write_requests
from competitions.tencent.outcome import RankedFold
from competitions.tencent.ranking.ranker import Ranker
from competitions.tencent.ranking.scoring import Ready
from competitions.tencent.ranking.stages import prepare_fold

MODULE = "competitions.tencent.day.ranker_service"
DESCRIPTION = {
    "request": "what a user did -> ten candidates, seen ones left out",
    "computed at export": "content vectors, forecast, statistics and lifts of all ads, tables of the first search",
    "computed in the request": "the search over all candidates, the features of those found, their scores",
    "left out": "parsing, network; the tables stay those of the run until the next export",
    "half": "the ranker is the same, learned from whole lists",
}


@dataclass(frozen=True)
class Reduction:
    """A variant: the bits of the content vectors, the share of the list that is ranked."""

    name: str
    folder: str
    content: Literal["float32", "float16"] = "float32"
    share: float = 1.0


REDUCTIONS = (
    Reduction("ranker in float32", "whole"),
    Reduction("content in float16", "float16", "float16"),
    Reduction("lists of half the length", "half", share=0.5),
)


def export(files: RawFiles, config: TencentConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final ranker below ``folder``, with so many ``requests`` of the host's queries.

    The variants are judged on the hold-out, with the ranker that was learned for it.
    """
    prepared = pipeline.prepare(files, config, run)
    early = pipeline.rank(prepared, prepared.valid, config, run, "valid")
    final = pipeline.rank(prepared, prepared.test, config, run, "test")
    corpus, features = prepared.corpus.value, config.ranker.features
    ready, ranker = open_fold(final, features)
    reductions = list_reductions(ready)
    write_export(ready, ranker, reductions, folder / "export")
    fold = prepared.test.value
    chosen = spread(len(fold.users), requests)
    write_requests(corpus.test, corpus.test_users, fold, chosen, folder / "requests")
    expected = final.top.value.columns[chosen].astype(float).tolist()
    held_out = open_fold(early, features)

    def write(target: Path) -> None:
        write_export(*held_out, reductions, target)

    names = [(reduction.name, reduction.folder) for reduction in reductions]
    variants = judge_variants(corpus, prepared.valid.value, config.host, names, write, ranker_service.load)
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def open_fold(result: RankedFold, settings: FeatureSettings) -> tuple[Ready, Ranker]:
    """A fold's search and knowledge as they answered its queries, and its ranker."""
    inputs = result.inputs.value
    return prepare_fold(inputs, inputs.fold, inputs.forecasts[-1], settings), result.ranker.value


def list_reductions(ready: Ready) -> list[Reduction]:
    """The variants that there are: without content vectors none of fewer bits."""
    return [each for each in REDUCTIONS if ready.search.content is not None or each.content == "float32"]


def write_export(ready: Ready, ranker: Ranker, reductions: Sequence[Reduction], folder: Path) -> None:
    """Write what the variants share, and each one's own."""
    write_shared(ready, ranker, folder)
    for reduction in reductions:
        content = None if ready.search.content is None else reduction.content
        length = max(1, round(reduction.share * ready.search.list_length))
        write_variant(ready, RankerVariant(content=content, list_length=length), folder / reduction.folder)
