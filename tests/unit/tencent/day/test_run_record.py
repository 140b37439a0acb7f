"""The record of a run that stopped after validation."""

from types import SimpleNamespace

from competitions.tencent.day.run_record import list_inputs


def test_a_network_names_the_inputs_that_were_measured_and_none_where_the_run_stopped_before() -> None:
    outcome = SimpleNamespace(early=SimpleNamespace())
    measured = {"importance": [{"feature": "ids"}, {"feature": "actions"}]}
    assert list_inputs(outcome, measured) == ["actions", "ids"]  # type: ignore[arg-type]
    assert list_inputs(outcome, {}) == []  # type: ignore[arg-type]
