# %% [markdown]
# # News from a clone, in a kernel that somebody hosts
#
# For Kaggle, Colab or a hub of your own. Clone this repository there, beside or around this notebook. The notebook
# installs the packages (for that alone it needs the network), simulates a small log, runs the whole pipeline and
# shows its score.
#
# **Predict**: how many times the score of plain popularity does the whole pipeline reach?

# %%
import os
import subprocess
import sys
from pathlib import Path

# The workspace is the folder that holds competitions/: one above this notebook, or a clone beside it.
here = Path.cwd()
found = [folder for folder in [here, *here.parents, *here.iterdir()] if (folder / "competitions").is_dir()]
assert found, "Clone the repository beside this notebook first: no folder here or above holds competitions/."
os.chdir(found[0])
sys.path.insert(0, os.getcwd())
os.environ.pop("FORCE_COLOR", None)  # of a kernel: its letters for colours would stand between what a command prints


def call(*words: str) -> str:
    """What a module of this Python prints in the workspace, without the workspace's own address."""
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(f"{Path.cwd().as_uri()}/", "")


# %% [markdown]
# ## Install
# The packages go into this kernel's Python, in the versions of the lock. If the kernel had loaded some of them
# before, restart it after this cell.

# %%
print(call("pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.lock") or "installed")

# %% [markdown]
# ## Run
# From raw files to a checked submission and a report. For your own files add `"--raw", "FOLDER"` and leave the scale
# out. The other competitions are `flight`, `mgtv` and `tencent`, which needs `pip install torch`.

# %%
print(call("competitions", "run", "news", "--scale", "0.01"))

# %% [markdown]
# ## The score beside simple rules
# All of them on the same validation users. The report, an HTML file in the folder of the run, begins with this picture.

# %%
import matplotlib.pyplot as plt

import competitions

record = competitions.load("news/last", "build").record
rows = [
    *((each.name, each.score, each.error) for each in record.rivals),
    ("the whole pipeline", record.cv.score, record.cv.error),
]
names, scores, errors = zip(*rows, strict=True)
figure, axes = plt.subplots(figsize=(8, 2.5))
axes.errorbar(scores, names, xerr=[1.96 * error for error in errors], fmt="o")
axes.set(xlabel=f"{record.metric}, 95 % interval")
figure.tight_layout()
if truth := record.truth:
    print(f"Simulated truth: {truth.score:.4f} ± {truth.error:.4f}, best possible: {truth.oracle:.4f}")
print("To upload:", *record.submission.paths)

# %% [markdown]
# **Explain.** The hold-out and the truth ask the same question of different users: do their scores agree within two
# errors? The best possible score is that of somebody who knows every probability. What is missing to it is what
# better features could still win.
#
# **Exercise.** Run the pipeline again with `"rank.seeds=3"` as one more word, then `call("competitions", "compare",
# "news")`. Did the mean of three fits help, and does the verdict say that it is clear?
