"""From planted raw files to a submission: it is valid, it has learned the rule, and the checker knows every rule."""

from pathlib import Path

import pytest

from tests.conftest import FINISHED, Call
from tests.contract.contract import Contract, Finished, Mutation, refusal, require


def read_scores(result: tuple[int, str, str]) -> dict[str, float]:
    code, out, err = result
    assert (code, err) == (0, "")
    pairs = (line.rsplit(maxsplit=1) for line in out.splitlines())  # a name may hold a blank
    return {name: float(value) for name, value in pairs}


def test_the_submission_passes_check_by_every_rule(contract: Contract, finished: Finished, call: Call) -> None:
    assert finished.submission in finished.submissions
    for path in finished.submissions:
        code, out, err = call("check", contract.name, path, "--raw", finished.raw)
        assert (code, err) == (0, "")
        for rule in contract.rules:
            assert rule in out


def test_it_has_learned_the_planted_rule_and_popularity_has_not(
    contract: Contract, finished: Finished, call: Call, tmp_path: Path
) -> None:
    require(contract, contract.popular, "popularity baseline")(finished.raw, tmp_path / "popular.csv")
    assert call("check", contract.name, tmp_path / "popular.csv", "--raw", finished.raw)[0] == 0
    learned, popular = (
        read_scores(call("score", contract.name, path, "--truth", finished.truth))[contract.metric]
        for path in (finished.submission, tmp_path / "popular.csv")
    )
    assert learned >= contract.floor
    assert popular <= contract.ceiling


def test_validation_tells_what_the_truth_tells(contract: Contract, finished: Finished, call: Call) -> None:
    if not finished.truth.exists():
        pytest.skip(f"the contract of {contract.name} writes no truth")
    scores = read_scores(call("score", contract.name, finished.submission, "--truth", finished.truth))
    cv = finished.summary["cv"]
    spread = 4 * (cv["error"] ** 2 + scores[f"{contract.metric}_error"] ** 2) ** 0.5
    assert abs(cv["score"] - scores[contract.metric]) <= spread


def test_a_mutated_submission_is_refused_by_the_rule_that_it_breaks(
    contract: Contract, finished: Finished, mutation: Mutation, call: Call, tmp_path: Path
) -> None:
    path = tmp_path / f"mutated{mutation.suffix}"
    (sound,) = [one for one in finished.submissions if one.suffix == mutation.suffix]
    path.write_bytes(mutation.edit(sound.read_bytes()))
    sentence = refusal(call("check", contract.name, path, "--raw", finished.raw))
    for expected in (str(path), *mutation.expected):
        assert expected in sentence


def test_every_rule_has_its_mutation(contract: Contract) -> None:
    """Of a competition that is being made three will do."""
    broken = {mutation.rule for mutation in contract.mutations.values()}
    assert broken <= set(contract.rules)
    assert broken == set(contract.rules) or contract.name not in FINISHED
