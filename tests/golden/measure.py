"""Measure the news pipeline on a small simulated set whose scale, seed and settings never change.

The settings are those of config.toml but for what is named here, so a change of config.toml moves the golden numbers:
that is what they are for. After a change that is meant, write them anew with ``python -m tests.golden.regenerate``.
"""

import tempfile
from pathlib import Path

from common.run import Run
from competitions.news import raw
from competitions.news.command import load_config, score_simulated
from competitions.news.pipeline import solve
from competitions.news.simulate import simulate
from competitions.news.summary import summarise

GOLDEN = Path(__file__).with_name("news.json")
SCALE, SEED = 0.005, 1
SETTINGS = ("seed=1", "recall.candidates=80", "rank.rounds=40", "rank.patience=20", "blend.trials=30")
Metrics = dict[str, float]


def measure_news() -> Metrics:
    """Every golden number by name, to four decimals, of a cold run in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder / "raw", SCALE, SEED)
        config = load_config(SETTINGS)
        run = Run(folder / "run", folder / "cache", quiet=True)
        outcome = solve(raw.locate(folder / "raw", config.board), config, run)
        summary = summarise(outcome, config.rank.models)
        truth = score_simulated(folder / "raw", outcome.checked.path)
    assert truth is not None
    union = next(row for row in summary["recall"] if row["channel"] == "union")
    measured = {f"channel {row['channel']} mrr@5": row["mrr@5"] for row in summary["recall"]}
    measured |= {f"union {name}": union[name] for name in ("recall@50", "recall@all")}
    measured |= {f"model {kind} mrr@5": model["mrr@5"] for kind, model in summary["models"].items()}
    measured |= {"cv mrr@5": summary["cv"]["mrr@5"], "truth mrr@5": truth["scores"]["mrr@5"]}
    measured |= {"oracle mrr@5": truth["oracle"]["mrr5"]}
    return {name: round(value, 4) for name, value in measured.items()}
