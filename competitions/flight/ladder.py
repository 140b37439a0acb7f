"""What each part is worth: one model on block after block of features, then model after model in the blend.

All rungs share one set of labelled rows and one split; what an ordinary run has already fitted is not fitted again.
"""

from typing import Any

from common.run import Result, Run
from competitions.flight import mix, raw
from competitions.flight import rank as ranking
from competitions.flight.config import BLOCKS, FlightConfig
from competitions.flight.pipeline import fit_early, prepare

MODELS_IN_ORDER = (
    "lightgbm_softmax",
    "catboost_softmax",
    "xgboost_pairwise",
    "xgboost_ndcg",
    "lightgbm_lambdarank",
    "logit",
)
Row = dict[str, Any]


def climb(files: raw.RawFiles, config: FlightConfig, run: Run) -> list[Row]:
    """One row per rung: its name, HitRate@3 on the validation sessions and its standard error."""
    labelled = prepare(files, config, run).labelled
    base = config.baseline
    recipes = [(f"baseline: {base.model}", "baseline", base.model, base.blocks)]
    first = MODELS_IN_ORDER[0]
    for count, block in enumerate(BLOCKS, 1):
        rung = f"+ {block} features" if count > 1 else f"{first} on the option alone"
        recipes.append((rung, first if count == len(BLOCKS) else f"{first}-{count}", first, BLOCKS[:count]))
    rows = []
    for rung, name, kind, blocks in recipes:
        ranker = fit_early(run, labelled, config, name, kind, blocks)
        scores = run.step(ranking.score_valid, labelled, [ranker], name=f"ladder.{name}")
        rows.append(_row(rung, run.step(ranking.measure_valid, labelled, scores).value[0]))
    return rows + _add_models(labelled, config, run)


def _add_models(labelled: Result[Any], config: FlightConfig, run: Run) -> list[Row]:
    """The blend with one model more each time, then the rerank."""
    blocks, rows = config.rank.blocks, []
    fits = [fit_early(run, labelled, config, "baseline", config.baseline.model, config.baseline.blocks)]
    for count, kind in enumerate(MODELS_IN_ORDER, 1):
        fits.append(fit_early(run, labelled, config, kind, kind, blocks))
        if count == 1:
            continue
        scores = run.step(ranking.score_valid, labelled, list(fits), name=f"ladder.models-{count}")
        blend = run.step(
            mix.find_blend, labelled, scores, config.blend.trials, config.blend.bucket_sessions, config.seed
        )
        penalty = run.step(mix.find_penalty, labelled, scores, blend, config.rerank_penalties)
        *_, blended, reranked = run.step(mix.measure_all, labelled, scores, blend, penalty).value
        rows.append(_row(f"+ {kind}, blended", blended))
    return [*rows, _row(f"+ rerank, penalty {penalty.value:g}", reranked)]


def _row(rung: str, found: dict[str, float]) -> Row:
    return {"rung": rung, "HitRate@3": found["hit_rate@3"], "error": found["error"]}
