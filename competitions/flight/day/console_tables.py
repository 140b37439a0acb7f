"""Tables of the closing summary: models side by side, and the same on the simulated truth."""

from typing import Any

from competitions.flight.ranking.rankers import BASELINE


def list_models(models: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """One row per model: the hit rates, and what it gains over the baseline where that was fitted."""
    base = models.get(BASELINE, {}).get("hit_rate@3", 0.0)
    rows = []
    for name, scores in models.items():
        rates = {key.replace("hit_rate", ""): value for key, value in scores.items() if key.startswith("hit_rate")}
        over = {"over baseline": f"{scores['hit_rate@3'] / base - 1:+.1%}"} if base else {}
        rows.append({"model": name, **rates, "error": scores["error"], **over})
    return rows


def list_truth(models: dict[str, dict[str, float]], oracle: dict[str, Any]) -> list[dict[str, Any]]:
    """``list_models`` on the simulated truth, with the oracle as the last row."""
    rates = {f"hit_rate@{k}": oracle["hit_rate"][k] for k in ("1", "3", "5", "10")}
    rates |= {f"hit_rate@3[{size}]": rate for size, rate in oracle["hit_rate_3_by_size"].items()}
    return list_models(models | {"oracle": rates | {"error": oracle["standard_error"]["3"]}})
