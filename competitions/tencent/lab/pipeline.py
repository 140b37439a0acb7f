"""The sequence model in the ranker's stead: semantic IDs, forecasts over time, training, two ways to answer."""

from common.engine.run import Result, Run, bundle, derive
from competitions.tencent.config import TencentConfig
from competitions.tencent.lab import steps
from competitions.tencent.lab.config import NetworkSettings, load_network
from competitions.tencent.lab.forecast_table import ForecastTable, tabulate_forecasts
from competitions.tencent.lab.training.inputs import ModelInputs
from competitions.tencent.pipeline import FoldResult, Prepared, forecast
from competitions.tencent.split import Fold


def answer_by_network(ready: Prepared, fold: Result[Fold], config: TencentConfig, run: Run, name: str) -> FoldResult:
    """Train on what a fold shows, and answer its queries."""
    settings, seed = load_network(config.network), config.model_seed
    corpus, embeddings, train = ready.corpus, ready.embeddings, settings.train
    levels, codes, label = train.levels, train.codes, f"{name}.spell"
    semantic_ids = run.step(steps.build_semantic_ids, corpus, embeddings, fold, levels, codes, seed, name=label)
    inputs = bundle(
        ModelInputs,
        corpus=corpus,
        embeddings=embeddings,
        fold=fold,
        semantic_ids=semantic_ids,
        forecast=tabulate(ready, fold, settings, config, run, name),
    )
    folder = str(run.folder.parent / "checkpoints")
    trained = run.step(steps.fit, inputs, settings, seed, folder, name=f"{name}.fit")
    answers = run.step(steps.answer, inputs, trained, settings, seed, name=f"{name}.answer")
    return FoldResult(name, trained, answers)


def tabulate(
    ready: Prepared, fold: Result[Fold], settings: NetworkSettings, config: TencentConfig, run: Run, name: str
) -> Result[ForecastTable | None]:
    """The input ``forecast``; None where ``model.forecast`` is off or times say nothing."""
    if not (settings.model.forecast and ready.plan.value.times):
        return derive(leave_out_forecasts)
    earlier, forecasts = forecast(ready, fold, config, run, name)
    horizon, label = config.split.horizon_hours, f"{name}.tabulate"
    return run.step(tabulate_forecasts, ready.corpus, fold, earlier, forecasts, horizon, name=label)


def leave_out_forecasts() -> ForecastTable | None:
    """No table."""
    return None
