"""Rankers as files that any process can load: LightGBM's text, XGBoost's ubj, CatBoost's cbm, a logit as npz.

No pickle. Reading a model imports its library and no other, so that a service of one model carries one library.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.arrays import Floats
from common.day.serving.feature_tables import write_struct
from common.engine.errors import UserError
from common.engine.result_store import writing

if TYPE_CHECKING:
    from common.day.serving.benchmark import Variant
    from common.learning.gbdt import Ranker

INDEX, BLEND = "models.json", "blend.json"
ENDINGS = {"lightgbm": "txt", "xgboost": "ubj", "catboost": "cbm", "logit": "npz"}
ARRAYS = ("centre", "scale", "valued", "flagged", "weights")  # of a logit
Matrix = NDArray[np.float32]


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of models.json: its kind, its file, the features it takes in order, its rounds.

    ``column``: which ranker it belongs to; the scores of those of one ranker, fits by several seeds, are averaged.
    ``base_margin``: the feature that its scores start from.
    """

    kind: str
    file: str
    names: tuple[str, ...]
    rounds: int
    column: int
    base_margin: str | None = None


class Model:
    """A model read back: ``names`` of its features and ``score``, a function of their matrix."""

    def __init__(self, entry: ModelEntry, score: Callable[[Matrix], Any]) -> None:
        """``score`` gives raw scores of rows (n, d), higher is better."""
        self.kind, self.names, self.rounds, self.column = entry.kind, entry.names, entry.rounds, entry.column
        self._margin = None if entry.base_margin is None else entry.names.index(entry.base_margin)
        self._score = score

    def score(self, features: Matrix) -> Floats:
        """Raw scores of rows (n, d): (n,)."""
        scores = np.asarray(self._score(features), dtype=np.float64)
        return scores if self._margin is None else scores + np.nan_to_num(features[:, self._margin].astype(np.float64))


def write_models(rankers: Sequence["Ranker"], folder: Path, share: float = 1.0) -> None:
    """Write fitted rankers and their list into ``folder``, the first ``share`` of their trees; a logit has no trees."""
    entries = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        members = [(column, member) for column, each in enumerate(rankers) for member in (each, *each.others)]
        for number, (column, ranker) in enumerate(members):
            family = find_family(ranker.kind)
            rounds = max(1, round(share * ranker.rounds))
            file = f"{number}-{ranker.kind}.{ENDINGS[family]}"
            WRITERS[family](ranker.model, folder / file, rounds)
            entries.append(
                ModelEntry(
                    kind=ranker.kind,
                    file=file,
                    names=tuple(ranker.gain),
                    rounds=rounds,
                    column=column,
                    base_margin=ranker.base_margin,
                )
            )
        (folder / INDEX).write_bytes(msgspec.json.format(msgspec.json.encode(entries)))


def write_variants(rankers: Sequence["Ranker"], variants: Sequence["Variant"], folder: Path) -> None:
    """Write each variant's rankers and, as JSON, its blend into its own folder below ``folder``."""
    for variant in variants:
        own = folder / variant.folder
        write_models([rankers[index] for index in variant.rankers], own, variant.share)
        write_struct(variant.blend, own / BLEND)


def read_models(folder: Path) -> list[Model]:
    """The models of a folder, each set to one thread. ``UserError`` where a file is missing or not what it says."""
    try:
        entries = msgspec.json.decode((folder / INDEX).read_bytes(), type=list[ModelEntry])
        return [Model(entry, READERS[find_family(entry.kind)](folder / entry.file)) for entry in entries]
    except UserError:
        raise
    except Exception as error:  # each library has errors of its own for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"The exported models in {folder} cannot be read: {reason}; export the run again.") from error


def score_models(names: Sequence[str], features: Matrix, models: Sequence[Model]) -> Floats:
    """Each ranker's scores of rows whose columns are ``names``: (rows, rankers); a model is given its own features."""
    fits = np.bincount([model.column for model in models])
    scores = np.zeros((len(features), len(fits)))
    index = {name: column for column, name in enumerate(names)}
    for model in models:
        own = features if tuple(names) == model.names else features[:, [index[name] for name in model.names]]
        scores[:, model.column] += model.score(own)
    return scores / fits


def find_family(kind: str) -> str:
    """The library of a kind of ranker: a kind begins with it."""
    for family in ENDINGS:
        if kind.startswith(family):
            return family
    raise UserError(f"There is no ranker {kind!r}: a kind begins with one of {', '.join(ENDINGS)}.")


def _write_catboost(model: Any, path: Path, rounds: int) -> None:
    if rounds < model.tree_count_:
        model = model.copy()
        model.shrink(rounds)
    model.save_model(str(path), format="cbm")


def write_logit(model: Any, path: Path, _: int = 0) -> None:
    """Write a ``Logit`` as npz."""
    arrays = {name: getattr(model, name) for name in ARRAYS}
    np.savez(path, allow_pickle=False, rounds=np.int64(model.rounds), **arrays)


def _read_lightgbm(path: Path) -> Callable[[Matrix], Any]:
    import lightgbm

    model = lightgbm.Booster(model_file=path)
    return functools.partial(model.predict, raw_score=True, num_threads=1)


def _read_xgboost(path: Path) -> Callable[[Matrix], Any]:
    import xgboost

    model = xgboost.Booster({"nthread": 1}, model_file=path)
    return functools.partial(model.inplace_predict, predict_type="margin")


def _read_catboost(path: Path) -> Callable[[Matrix], Any]:
    import catboost

    model = catboost.CatBoost()
    model.load_model(str(path), format="cbm")
    return functools.partial(model.predict, prediction_type="RawFormulaVal", thread_count=1)


def read_logit(path: Path) -> Callable[[Matrix], Any]:
    """The utilities of a ``Logit`` that ``write_logit`` wrote."""
    from common.learning.conditional_logit import Logit

    with np.load(path, allow_pickle=False) as arrays:
        return Logit(**{name: arrays[name] for name in ARRAYS}, rounds=int(arrays["rounds"])).predict


WRITERS: dict[str, Callable[[Any, Path, int], None]] = {
    "lightgbm": lambda model, path, rounds: model.save_model(path, num_iteration=rounds),
    "xgboost": lambda model, path, rounds: model[:rounds].save_model(path),
    "catboost": _write_catboost,
    "logit": write_logit,
}
READERS: dict[str, Callable[[Path], Callable[[Matrix], Any]]] = {
    "lightgbm": _read_lightgbm,
    "xgboost": _read_xgboost,
    "catboost": _read_catboost,
    "logit": read_logit,
}
