"""space.toml: what is read of it, and what is refused before anything is computed."""

from importlib import import_module
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from common.day.tuning.space import Space, find_current, read_space, read_values
from common.engine.errors import UserError
from competitions import NAMES, ROOM
from competitions.news.competition import COMPETITION

SPACE = """
[rank]
blocks = { choices = ["auto", "-pair"] }
negatives = { low = 10, high = 60 }
["rank.lightgbm_lambdarank"]
learning_rate = { low = 0.02, high = 0.3, log = true }
num_leaves = { low = 20, high = 127 }
"""


def read(tmp_path: Path, text: str) -> Space:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return read_space(path, lambda setting: COMPETITION.load_config([setting], tuned=False))


def test_a_space_has_a_range_for_every_dotted_key(tmp_path: Path) -> None:
    space = read(tmp_path, SPACE)
    assert space == {
        "rank.blocks": CategoricalDistribution(["auto", "-pair"]),
        "rank.negatives": IntDistribution(10, 60),
        "rank.lightgbm_lambdarank.learning_rate": FloatDistribution(0.02, 0.3, log=True),
        "rank.lightgbm_lambdarank.num_leaves": IntDistribution(20, 127),
    }
    config = COMPETITION.load_config(tuned=False)  # its negatives are "auto", its leaves 17
    assert list(find_current(space, config)) == ["rank.lightgbm_lambdarank.learning_rate"]
    assert read_values({"rank.blocks": "-pair"}, COMPETITION.config) == {"rank.blocks": ["-pair"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[recal]\ncandidates = { low = 1, high = 2 }", "There is no key recal; the nearest is recall."),
        ("[recall]\ncandidate = { low = 1, high = 2 }", "the nearest is recall.candidates."),
        ("[recall]\ncandidates = { low = 200, high = 100 }", "goes from 200 to 100: low must be below high."),
        ("[recall]\ncandidates = { low = 100, high = nan }", "low must be below high."),
        ("[recall]\ncandidates = 200", "recall.candidates is no range: write it as {"),
        ("[recall]\ncandidates = { low = 100 }", "recall.candidates is no range: write it as {"),
        ("[recall]\ncandidates = { low = 0, high = 9, log = true }", "cannot be logarithmic from 0"),
        ("[recall]\ncandidates = { low = 100.0, high = 200.0 }", "recall.candidates cannot be 138.2: Expected `int`"),
        ('[recall]\nfusion = { choices = ["learned", "none"] }', "recall.fusion cannot be 'none'"),
        ("[recall]\nfusion = { low = 1, high = 2 }", "recall.fusion cannot be"),
        ('[rank.lightgbm_lambdarank]\nnum_leaves = { choices = ["a", "b"] }', "num_leaves cannot be 'a'"),
        ("fit_seed = { low = 1, high = 9 }", "fit_seed is not searched: it makes no better model."),
        ("", "names no setting"),
        ("[recall", "is not valid TOML"),
    ],
)
def test_what_no_trial_could_be_given_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert sentence in said
    assert "own.toml" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", [*NAMES, "template", "template.rows"])
def test_the_space_of_every_competition_is_one(name: str) -> None:
    competition = import_module(f"competitions.{name}.competition").COMPETITION
    room = ROOM / name.replace(".", "/")
    quick = [f"@{path}" for path in room.glob("quick.toml")]
    assert read_space(room / "space.toml", lambda one: competition.load_config([*quick, one], tuned=False))
