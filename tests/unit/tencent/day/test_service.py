"""Histories answered from an export, one at a time: the ads of the pipeline, in fewer bits nearly the same ones."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from common.day.serving.benchmark import answer_all, ignore
from common.engine.errors import UserError
from competitions.tencent import split
from competitions.tencent.competition import COMPETITION
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Candidates, Corpus
from competitions.tencent.day import export
from competitions.tencent.day import service as serving
from competitions.tencent.day.requests import Request, write_requests
from competitions.tencent.ids import Rows
from competitions.tencent.inference import stages
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings
from competitions.tencent.training.trainer import Trained, train
from tests.unit.tencent.training_inputs import MODEL, TRAIN, make_forecast, make_model_inputs, make_training_inputs

ITEMS = 300
CONFIG: TencentConfig = msgspec.structs.replace(COMPETITION.load_config([]), method="network", model=MODEL, train=TRAIN)
SETTINGS = NetworkSettings(MODEL, TRAIN, CONFIG.seed)


@dataclass(frozen=True)
class Tried:
    """The inputs of a tiny fold, a network trained on it, and its export."""

    inputs: ModelInputs
    trained: Trained
    folder: Path


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder = tmp_path_factory.mktemp("tencent")
    training = make_training_inputs(users=40, items=ITEMS, epochs=2)
    candidates = Candidates(Rows(np.random.default_rng(0).permutation(np.arange(1, ITEMS))))  # one is no candidate
    sequences, users = training.history.sequences, training.users
    corpus = Corpus(training.catalogue, sequences, users, sequences, users, candidates, None, ())
    fold = split.build_test_fold(sequences, sequences, candidates, None, CONFIG.host)
    forecast = make_forecast(ITEMS)
    training = dataclasses.replace(training, forecast=forecast)
    inputs = dataclasses.replace(make_model_inputs(corpus, fold, training.embeddings), forecast=forecast)
    trained = train(training, folder / "point.pt")
    half = NetworkSettings(msgspec.structs.replace(MODEL, width=8), TRAIN, CONFIG.seed)
    halved = make_training_inputs(users=40, items=ITEMS, epochs=1, width=8)
    small = train(dataclasses.replace(halved, forecast=forecast), folder / "half.pt")
    exported = export.ExportedFold(inputs, {False: trained, True: small}, {False: SETTINGS, True: half})
    export.write_export(exported, export.COMPRESSIONS, folder / "export")
    write_requests(*inputs.query_source, fold, np.arange(len(fold.users)), folder / "requests")
    return Tried(inputs, trained, folder)


def answer_of_pipeline(tried: Tried) -> list[list[float]]:
    answer = stages.answer(tried.inputs, tried.trained, SETTINGS, CONFIG.retrieve)
    return answer.vectors.columns.astype(float).tolist()


def load(tried: Tried, variant: str) -> tuple[serving.TencentService, list[Request]]:
    service = serving.load(tried.folder / "export", variant)
    assert isinstance(service, serving.TencentService)
    return service, serving.read_requests(tried.folder / "requests")


def test_one_history_at_a_time_is_answered_as_by_the_pipeline(tried: Tried) -> None:
    service, requests = load(tried, "whole")
    expected = answer_of_pipeline(tried)
    assert [service.answer([request], ignore)[0] for request in requests] == expected
    assert answer_all(service, requests, batch=7) == expected
    assert len({tuple(answer) for answer in expected}) > 5


def test_a_kernel_over_the_history_is_served_as_well(tried: Tried, tmp_path: Path) -> None:
    settings = NetworkSettings(msgspec.structs.replace(MODEL, kernel=True), TRAIN, CONFIG.seed)
    training = make_training_inputs(users=40, items=ITEMS, epochs=1, kernel=True)
    trained = train(dataclasses.replace(training, forecast=tried.inputs.forecast), tmp_path / "point.pt")
    exported = export.ExportedFold(tried.inputs, {False: trained}, {False: settings})
    export.write_export(exported, export.COMPRESSIONS[:1], tmp_path / "export")
    expected = stages.answer(tried.inputs, trained, settings, CONFIG.retrieve).vectors.columns.astype(float).tolist()
    service = serving.load(tmp_path / "export", "whole")
    assert answer_all(service, serving.read_requests(tried.folder / "requests"), batch=7) == expected


def share_of_ten(one: list[list[float]], other: list[list[float]]) -> float:
    return float(np.mean([len({*a} & {*b}) / 10 for a, b in zip(one, other, strict=True)]))


@pytest.mark.parametrize(
    ("variant", "least"), [("float16", 0.99), ("int8", 0.9), ("product", 0.5), ("layers", 0.8), ("half", 0.0)]
)
def test_fewer_bits_find_nearly_the_same_ads_and_never_seen_ones(variant: str, least: float, tried: Tried) -> None:
    service, requests = load(tried, variant)
    answers = answer_all(service, requests)
    assert share_of_ten(answers, answer_of_pipeline(tried)) >= least
    rows = tried.inputs.fold.candidates.rows.values
    for request, answer in zip(requests, answers, strict=True):
        assert len({*answer}) == 10
        assert not {*rows[np.array(answer, int)].tolist()} & {*request.item.tolist()}


def test_fewer_bits_take_less_room(tried: Tried) -> None:
    def weigh(variant: str, file: str) -> int:
        return (tried.folder / "export" / variant / file).stat().st_size

    whole = weigh("whole", serving.VECTORS)
    assert weigh("float16", serving.INDEX) < 0.6 * whole
    assert weigh("int8", serving.INDEX) < 0.4 * whole
    assert len(torch.load(tried.folder / "export" / "whole" / serving.WEIGHTS, weights_only=True)) > 10
    assert not any(
        "head" in name for name in torch.load(tried.folder / "export/whole" / serving.WEIGHTS, weights_only=True)
    )


def test_who_has_seen_nearly_everything_is_given_what_is_left(tried: Tried) -> None:
    rows = tried.inputs.fold.candidates.rows.values
    request = serving.read_requests(tried.folder / "requests")[0]
    item = rows[4:].astype(np.int32)
    many = Request(item, np.zeros(len(item), np.int8), np.full(len(item), 10**6), request.features, request.condition)
    for variant in ("whole", "int8"):
        service, _ = load(tried, variant)
        (answer,) = service.answer([many], ignore)
        assert sorted(answer) == [-1] * 6 + [0, 1, 2, 3]


def test_a_damaged_file_is_told_in_a_sentence(tried: Tried, tmp_path: Path) -> None:
    folder = tried.folder / "export" / "int8"
    for name in (serving.WEIGHTS, serving.INDEX):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(b"nothing")
        with pytest.raises(UserError, match=rf"{name} cannot be read.*export the run again"):
            serving.load(tried.folder / "export", "int8")
        (folder / name).write_bytes(kept)


def test_a_model_with_a_wide_part_is_refused(tmp_path: Path) -> None:
    wide = msgspec.structs.replace(CONFIG, model=msgspec.structs.replace(MODEL, memory=True))
    with pytest.raises(UserError, match=r"wide part \(model.memory\) cannot be exported"):
        export.export(None, wide, None, tmp_path, 5)  # type: ignore[arg-type]
