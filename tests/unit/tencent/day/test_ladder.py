"""The rungs of the ladder in order."""

from types import SimpleNamespace

from competitions.tencent.competition import COMPETITION
from competitions.tencent.day.ladder import PLAIN_RUNGS, list_rules
from competitions.tencent.lab.config import load_network
from competitions.tencent.lab.plain_rules import CONTENT_RULES, LANGUAGE
from competitions.tencent.lab.rungs import list_networks, replace_settings


def test_each_rung_adds_one_kind_of_input_and_the_last_is_the_pipeline_itself() -> None:
    config = COMPETITION.load_config([])
    rungs = list_networks(load_network({}))
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
    first = load_network(replace_settings(config, rungs[names.index("HSTU, ids only")]).network)
    assert not any((first.model.features, first.model.embeddings, first.model.times, first.model.condition))
    assert first.model.id_dropout == 0.0
    assert first.train.levels == 0
    last = replace_settings(config, rungs[-1])
    assert last.method == "network"
    assert load_network(last.network) == load_network({})


def test_inputs_that_the_settings_leave_out_are_no_rungs() -> None:
    config = COMPETITION.load_config(["network.model.times=false", "network.train.levels=0"])
    names = [rung.name for rung in list_networks(load_network(config.network))]
    assert "+ time" not in names
    assert names[-1] == "+ kernel over the history"


def test_rules_that_the_files_do_not_allow_are_no_rungs() -> None:
    def rules(ads: int, events: int, *embeddings: str) -> list[str]:
        sizes = SimpleNamespace(catalogue=SimpleNamespace(oid=range(ads)), train=SimpleNamespace(item=range(events)))
        ready = SimpleNamespace(
            corpus=SimpleNamespace(value=sizes),
            embeddings=SimpleNamespace(value=[SimpleNamespace(name=name) for name in embeddings]),
        )
        return list(list_rules(ready))  # type: ignore[arg-type]

    assert rules(20_000, 20_000_000, "emb_84_4096", "emb_82_384") == [*PLAIN_RUNGS, *CONTENT_RULES]
    assert rules(20_000, 20_000_000, "emb_84_4096") == [*PLAIN_RUNGS, *CONTENT_RULES[1:]]  # not of texts alone
    assert CONTENT_RULES[0] == LANGUAGE
    assert rules(20_001, 20_000_001) == ["popularity", "transitions", "counts"]


def test_the_published_recipes_score_by_a_dot_product_and_learn_from_every_event() -> None:
    config = COMPETITION.load_config([])
    official, *_, sasrec = (
        load_network(replace_settings(config, rung).network) for rung in list_networks(load_network({}))[:4]
    )
    for settings in (official, sasrec):
        model, train = settings.model, settings.train
        assert (model.encoder, model.score, model.blocks) == ("transformer", "dot", 1)
        assert not any((model.times, model.actions, model.condition))
        assert train.click_weight == train.exposure_weight == train.exposure_share == train.even_share == 1.0
        assert model.features == model.embeddings == (settings is official)
    assert (official.model.width, official.train.loss) == (32, "one_negative")
    assert (sasrec.train.loss, sasrec.train.negatives) == ("sampled_softmax", 256)
