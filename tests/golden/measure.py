"""Measure each pipeline on a small simulated set whose scale, seed and settings never change.

The settings are those of config.toml but for what is named here, so a change of config.toml moves the golden numbers:
that is what they are for. After a change that is meant, write them anew with ``python -m tests.golden.regenerate``.
"""

import tempfile
from pathlib import Path

import polars as pl

from common.engine.run import Run
from common.learning.dataset import RankingDataset
from common.simulation.oracle import read_oracle
from competitions import find_competition

HERE = Path(__file__).parent
SEED = 1
SCALES = {"news": 0.005, "flight": 0.006, "mgtv": 0.004, "tencent": 0.001}
SETTINGS = {
    "news": ("recall.candidates=80", "rank.rounds=40", "rank.patience=20"),
    "flight": ("rank.rounds=40", "rank.patience=20", "rank.seeds=1", "split.valid_share=0.2"),
    "mgtv": (
        "watch.rounds=60",
        "watch.seeds=1",
        "watch.patience=15",
        "watch.lightgbm_softmax.max_bin=63",
        "watch.lightgbm_softmax.num_threads=1",
        "completion.bins=12",
        "completion.rounds=30",
        "completion.parameters.max_bin=63",
        "completion.parameters.num_threads=1",
        "split.train_days=2",
    ),
    "tencent": ("sequence.passes=2", "sequence.seeds=1", "ranker.fit.seeds=1"),
}
Metrics = dict[str, float]


def measure(name: str) -> Metrics:
    """The golden numbers of a competition to four decimals, of a cold run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return {what: round(value, 4) for what, value in measure_run(name, Path(folder)).items()}


def measure_run(name: str, folder: Path) -> Metrics:
    """Scores of the models and of plain orders on the hold-out, what each stage keeps of the right answers, how well
    the model and each feature alone put the right ones first, every metric on the truth, and the oracle's.
    """
    competition = find_competition(name)
    raw, _ = competition.simulate(folder / "raw", SCALES[name], SEED, folder)
    config = competition.load_config([f"seed={SEED}", *SETTINGS[name]], tuned=False)
    run = Run(folder / "run", folder / "cache")
    outcome = competition.solve(competition.locate(raw, config), config, run)
    judged, truth, oracle = competition.judge(outcome, config), competition.score_truth(outcome, raw), read_oracle(raw)
    assert judged.evidence is not None
    evidence = judged.evidence()
    rows, submitted = evidence.rows, evidence.candidates.select(pl.last())
    measured = {f"cv {row.name}": row.score or 0.0 for row in judged.ranking}
    measured |= {f"rival {row.name}": row.score or 0.0 for row in evidence.rivals}
    measured |= {f"stage {stage}": count / len(evidence.ranks) for stage, count in evidence.stages}
    measured |= {f"model {name}": auc for name, auc in measure_columns(submitted, rows).items()}
    features = pl.DataFrame(rows.features, schema=list(rows.names))
    measured |= {f"feature {name}": auc for name, auc in measure_columns(features, rows).items()}
    measured |= {f"truth {metric}": score for metric, score in truth.scores.items()}
    return measured | {"submission": truth.score, "oracle": oracle.score, "oracle expected": oracle.expected}


def measure_columns(columns: pl.DataFrame, rows: RankingDataset) -> Metrics:
    """By column the share of a query's other rows that stand below a right one, a tie for a half, averaged."""
    share = (pl.all().rank() - 1) / (pl.all().count() - 1)
    shares = columns.fill_nan(None).select(share.over(pl.Series(rows.query_numbers)))
    means = shares.filter(rows.labels > 0).fill_nan(None).mean().row(0, named=True)
    return {name: float(mean or 0.0) for name, mean in means.items()}


def golden_file(name: str) -> Path:
    """Where a competition's golden numbers are kept."""
    return HERE / f"{name}.json"
