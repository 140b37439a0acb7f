from competitions.tencent.command import load_config
from competitions.tencent.ladder import list_networks, replace_settings


def test_each_rung_adds_one_kind_of_input_and_the_last_is_the_pipeline_itself() -> None:
    config = load_config([])
    rungs = list_networks(config)
    names = [name for name, _, _ in rungs]
    assert names == [
        "Transformer, ids only",
        "HSTU, ids only",
        "+ content",
        "+ action condition",
        "+ time",
        "+ semantic ids",
    ]
    first = replace_settings(config, *rungs[1][1:])
    assert not any((first.model.features, first.model.embeddings, first.model.times, first.model.condition))
    assert first.model.id_dropout == 0.0
    assert first.train.levels == 0
    assert replace_settings(config, *rungs[-1][1:]) == config


def test_inputs_that_the_settings_leave_out_are_no_rungs() -> None:
    config = load_config(["model.times=false", "model.memory=true", "train.levels=0"])
    names = [name for name, _, _ in list_networks(config)]
    assert "+ time" not in names
    assert names[-1] == "+ wide part"
