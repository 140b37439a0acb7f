# %% [markdown]
# # The features behind one ranked list
#
# A ranker sums trees, so every score is a sum of contributions of the features (SHAP values; LightGBM computes
# them with `pred_contrib`). We take one user whose article has rank 2, and see which features would move it to
# rank 1.

# %%
import os
import sys
from pathlib import Path

# The workspace is the folder above that holds competitions/, wherever this notebook was opened.
found = [folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "competitions").is_dir()]
assert found, "Start this notebook inside the checkout: no folder above this one holds competitions/."
os.chdir(found[0])
sys.path.insert(0, os.getcwd())

# %%
import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from common.engine.run import Run
from competitions import find_competition
from competitions.news.day.validation import list_candidates
from competitions.news.io import reader
from competitions.news.pipeline import validate

news = find_competition("news")
files = reader.locate(news.choose_raw(None, 0.01, 0, Path("build")))
outcome = validate(files, news.load_config([]), Run(Path("build/news/notebook"), Path("build/news/cache")))
(items, data), ranker = list_candidates(outcome), outcome.ranker.value
print(f"{len(data.labels):,} candidates of {len(data.group_sizes):,} users, {len(data.names)} features")

# %% [markdown]
# ## A user whose article has rank 2
# The right article is marked. **Predict**: which features put the first one ahead?

# %%
frame = items.with_columns(
    score=items["blend"], label=pl.Series(data.labels), row=pl.int_range(pl.len(), dtype=pl.Int64)
).with_columns(rank=pl.col("score").rank("ordinal", descending=True).over("query"))
seconds = frame.filter((pl.col("label") > 0) & (pl.col("rank") == 2))
user = seconds["query"][0]
shown = frame.filter(query=user).sort("rank").head(5)
print(shown.select("rank", "item", "score", "label"))

# %% [markdown]
# ## Contribution of each feature
# The columns of `pred_contrib` are the features, and one column for the mean of all rows. Their sum is the score of
# the model.

# %%
picked = shown["row"].to_numpy()
parts = ranker.model.predict(np.asarray(data.features)[picked], pred_contrib=True, num_iteration=ranker.rounds)
own = ranker.model.predict(np.asarray(data.features)[picked], raw_score=True, num_iteration=ranker.rounds)
assert np.allclose(parts.sum(1), own, atol=1e-6)
right = int(np.flatnonzero(shown["label"].to_numpy() > 0)[0])
apart = pl.DataFrame(
    {
        "feature": data.names,
        "first": parts[0, :-1],
        "right one": parts[right, :-1],
        "value of first": np.asarray(data.features)[picked[0]],
        "value of right one": np.asarray(data.features)[picked[right]],
    }
).with_columns(gap=pl.col("first") - pl.col("right one"))
print(apart.sort("gap", descending=True).head(6))
print(apart.sort("gap").head(4))
most = apart.sort(pl.col("gap").abs()).tail(12)
figure, axes = plt.subplots(figsize=(7, 3.5))
axes.barh(most["feature"], most["gap"], color=["#c2571a" if gap > 0 else "#1f62b8" for gap in most["gap"]])
axes.set(xlabel="contribution to the first article minus contribution to the right one")
figure.tight_layout()

# %% [markdown]
# ## What would put it first?
# One feature at a time, the right article gets the value of the first article. Does it become first?

# %%
asked = np.repeat(np.asarray(data.features)[picked[right]][None], len(data.names), 0)
asked[np.arange(len(data.names)), np.arange(len(data.names))] = np.asarray(data.features)[picked[0]]
changed = ranker.model.predict(asked, raw_score=True, num_iteration=ranker.rounds)
wins = pl.DataFrame({"feature": data.names, "score": changed}).filter(pl.col("score") > own[0])
print(
    wins.sort("score", descending=True)
    if wins.height
    else "No single feature is enough: the first answer leads in several."
)

# %% [markdown]
# **Explain.** A contribution is not a cause. Correlated features share it, and the share of each depends on which of
# them the trees used first. Which of the features above are correlated?
#
# **Exercise.** Take the users whose article has a low rank (`rank` 30 and more): is the ranker wrong, or did few
# channels name the article (features that begin with `channel_rank_`, empty where a channel did not)?

# %% [markdown]
# ## A solution
# Try it yourself first.

# %% jupyter={"source_hidden": true}
ranks = [number for number, name in enumerate(data.names) if name.startswith("channel_rank_")]
named = np.isfinite(np.asarray(data.features)[:, ranks]).sum(1)
right_ones = frame.with_columns(channels=pl.Series(named)).filter(pl.col("label") > 0)
early = pl.when(pl.col("rank") <= 5).then(pl.lit("1 to 5"))
band = early.when(pl.col("rank") <= 29).then(pl.lit("6 to 29")).otherwise(pl.lit("30 and more"))
named = right_ones.group_by(rank=band).agg(users=pl.len(), channels=pl.mean("channels"))
print(named.sort("channels", descending=True))

# %% [markdown]
# **Explain.** What few channels name comes late: the ranker has hardly a column that speaks for it. More or better
# retrieval helps these users, another ranker does not.
