"""What every simulator must do alike; a new competition's is one more name."""

import importlib
import json
from hashlib import sha256
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest

from common.competition import Competition
from common.day.hosts import REPORT, TRUTH
from common.engine.errors import UserError
from common.simulation.oracle import read_oracle
from common.simulation.writer import Simulation
from competitions import NAMES

SCALE, SEED = 0.001, 3
DIGESTS = {
    "news": "4e1d77f7d0964e53",
    "flight": "c9ad25220d5facf8",
    "mgtv": "a3560f4b6acdfdc1",
    "tencent": "8505a4eddfda2385",
    "tencent round2": "1c5a3dc49ad06aae",
}


@pytest.fixture(scope="module", params=[*NAMES, "tencent round2", "template", "template.rows"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def competition(name: str) -> Competition:
    """The declaration; a second word of its name is the law of its simulator."""
    name, _, law = name.partition(" ")
    declared: Competition = importlib.import_module(f"competitions.{name}.competition").COMPETITION
    if declared.host.write is None:
        pytest.skip(f"{name} has no simulator")
    return declared.under_law(law or None)


@pytest.fixture(scope="module")
def made(competition: Competition, tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """One simulation, shared by the tests that only read."""
    return write(competition, tmp_path_factory.mktemp("simulated") / "raw", SCALE, SEED)


def write(competition: Competition, folder: Path, scale: float, seed: int) -> Simulation:
    _, made = competition.simulate(folder, scale, seed, folder.parent / "build")
    assert isinstance(made, Simulation)
    return made


def digest(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_same_arguments_give_the_same_bytes(competition: Competition, made: Simulation, tmp_path: Path) -> None:
    first, again = digest(made.folder), digest(write(competition, tmp_path / "again", SCALE, SEED).folder)
    assert {REPORT, TRUTH} < first.keys()
    assert first == again
    other = digest(write(competition, tmp_path / "other", SCALE, SEED + 1).folder)
    # A list of the users' numbers alone, as the template's, says nothing that chance could change.
    assert {file for file in first.keys() & other.keys() if first[file] == other[file]} <= {"users.csv"}


def read_content(path: Path) -> bytes:
    """A table's values as text, so that neither a library's layout nor a machine's last digits count; no embeddings."""
    if "emb" in f"{path.parent.name}/{path.name}" or path.suffix in (".pkl", ".xlsx") or path.name == REPORT:
        return b""
    if path.suffix not in (".parquet", ".csv"):
        return path.read_bytes()
    frame = pl.read_csv(path, infer_schema_length=None) if path.suffix == ".csv" else pl.read_parquet(path)
    frame = frame.with_columns(cs.float().round(3))
    return (frame.write_ndjson() if any(dtype.is_nested() for dtype in frame.dtypes) else frame.write_csv()).encode()


def test_other_files_are_another_version(name: str, made: Simulation) -> None:
    """Whoever changes what a simulator writes raises its VERSION, and these digests."""
    digest = sha256()
    for path in sorted(made.folder.rglob("*.*")):
        digest.update(read_content(path) if path.is_file() else b"")
    assert DIGESTS.get(name) in (None, digest.hexdigest()[:16])  # a new competition's may still change every day


def test_the_rows_grow_with_the_scale(competition: Competition, made: Simulation, tmp_path: Path) -> None:
    larger = write(competition, tmp_path / "larger", 2 * SCALE, SEED)
    assert larger.rows.keys() == made.rows.keys()
    assert all(larger.rows[rows] >= count for rows, count in made.rows.items())
    grown = sum(larger.rows.values()) / sum(made.rows.values())
    assert 1.5 < grown < 2.5


def test_the_reader_takes_the_layout_and_the_oracle_scores_what_it_expects(
    competition: Competition, made: Simulation
) -> None:
    competition.locate(made.folder, competition.load_config())
    report = json.loads((made.folder / REPORT).read_text(encoding="utf-8"))
    assert (report["scale"], report["seed"], report["rows"]) == (SCALE, SEED, made.rows)
    oracle = read_oracle(made.folder)
    assert oracle == made.oracle
    assert 0 < oracle.queries <= pl.read_csv(made.folder / TRUTH).height
    assert abs(oracle.score - oracle.expected) < 4 * oracle.error
    assert 0 < oracle.error < oracle.score < 1


def test_the_table_has_every_measure_once(competition: Competition, made: Simulation) -> None:
    if competition.describe is None:
        assert not (competition.folder / "simulator" / "published.csv").exists()
        return
    table = competition.describe(made.folder)
    assert table["measure"].is_unique().all()
    assert table["simulated"].is_not_nan().all()
    published = pl.read_csv(competition.folder / "simulator" / "published.csv")["measure"]
    assert published.is_unique().all()
    assert set(published) <= set(table["measure"])


@pytest.mark.parametrize(
    ("scale", "seed", "sentence"),
    [*((scale, 1, "scale is") for scale in (0.0004, 4.5, float("nan"))), (0.001, -1, "seed is -1")],
)
def test_a_scale_or_seed_out_of_range_is_refused(
    competition: Competition, tmp_path: Path, scale: float, seed: int, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        write(competition, tmp_path / "raw", scale, seed)
    assert list(tmp_path.iterdir()) == []
