"""The rungs of the ladder in order, and the methods without a network."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.day.ladder import Ladder
from common.engine.run import Run
from competitions.tencent.competition import COMPETITION
from competitions.tencent.day.ladder import (
    PLAIN_RUNGS,
    content_rungs,
    list_networks,
    plan_scores,
    replace_settings,
)
from tests.unit.tencent.tencent_log import make_catalogue, write_log


def test_each_rung_adds_one_kind_of_input_and_the_last_is_the_pipeline_itself() -> None:
    config = COMPETITION.load_config([])
    rungs = list_networks(config)
    names = [rung.name for rung in rungs]
    assert names == [
        "official baseline",
        "two towers, ids only",
        "BERT4Rec, ids only",
        "SASRec with sampled softmax, ids only",
        "Transformer, ids only",
        "HSTU, ids only",
        "+ content",
        "+ action condition",
        "+ time",
        "+ forecast",
        "+ kernel over the history",
        "+ semantic ids",
    ]
    first = replace_settings(config, rungs[names.index("HSTU, ids only")])
    assert not any((first.model.features, first.model.embeddings, first.model.times, first.model.condition))
    assert first.model.id_dropout == 0.0
    assert first.train.levels == 0
    assert replace_settings(config, rungs[-1]) == config


def test_the_published_recipes_score_by_a_dot_product_and_learn_from_every_event() -> None:
    config = COMPETITION.load_config([])
    rungs = {rung.name: replace_settings(config, rung) for rung in list_networks(config)}
    official, sasrec = rungs["official baseline"], rungs["SASRec with sampled softmax, ids only"]
    for settings in (official, sasrec):
        assert (settings.model.encoder, settings.model.score, settings.model.blocks) == ("transformer", "dot", 1)
        assert not any((settings.model.times, settings.model.actions, settings.model.condition))
        assert settings.train.click_weight == settings.train.exposure_weight == settings.train.exposure_share == 1.0
        assert settings.train.even_share == 1.0
    assert (official.model.width, official.train.loss) == (32, "one_negative")
    assert official.model.features
    assert official.model.embeddings
    assert (sasrec.train.loss, sasrec.train.negatives) == ("sampled_softmax", 256)
    assert not any((sasrec.model.features, sasrec.model.embeddings))


def test_inputs_that_the_settings_leave_out_are_no_rungs() -> None:
    config = COMPETITION.load_config(["model.times=false", "train.levels=0"])
    names = [rung.name for rung in list_networks(config)]
    assert "+ time" not in names
    assert names[-1] == "+ kernel over the history"


def test_plain_methods_answer_on_a_log_and_factors_find_the_shared_taste() -> None:
    """Even users see ads 1..6, odd ones 7..12: each is scored highest what others of his kind saw."""
    rng = np.random.default_rng(0)
    lists = [[int(ad) for ad in rng.permutation(6)[:3] + 1 + 6 * (user % 2)] for user in range(40)]
    histories = write_log(*lists)
    corpus = SimpleNamespace(catalogue=make_catalogue(12))
    rows = np.arange(1, 13)
    settings = COMPETITION.load_config([]).ranker.features
    score = plan_scores(corpus, histories, histories, rows, "ALS", settings, 0)  # type: ignore[arg-type]
    scores = score(np.array([0, 1]))
    assert scores.shape == (2, 12)
    assert scores[0, :6].min() > scores[0, 6:].max()
    assert scores[1, 6:].min() > scores[1, :6].max()
    for name in PLAIN_RUNGS:
        plain = plan_scores(corpus, histories, histories, rows, name, settings, 0)(np.array([3]))  # type: ignore[arg-type]
        assert plain.shape == (1, 12)
        assert np.isfinite(plain).all()
        assert plain.max() > plain.min()


def test_without_embeddings_there_are_no_rungs_on_content(tmp_path: Path) -> None:
    ladder = Ladder(Run(tmp_path / "run", tmp_path / "cache"), "no content", "Score")
    ready = SimpleNamespace(embeddings=SimpleNamespace(value=[]))
    content_rungs(ready, COMPETITION.load_config([]), ladder)  # type: ignore[arg-type]
    assert ladder.rows == []
