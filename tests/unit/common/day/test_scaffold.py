"""A new competition: every name in the copy is the new one, the lists know it, and a name that is none is refused."""

import shutil
from pathlib import Path

import pytest

from common.day.scaffold import make_competition, rename
from common.engine.errors import UserError
from common.learning.kinds import KINDS, Kind
from competitions import NAMES

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a competition is added to."""
    entries = "tests/contract/template.py", "tests/contract/template_rows.py"
    for path in ("competitions/__init__.py", "Makefile", *entries):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "competitions" / "template", tmp_path / "competitions" / "template", ignore=ignore)
    learned = "competitions/learning/template"
    shutil.copytree(ROOT / learned, tmp_path / learned, ignore=ignore)
    return tmp_path


def test_the_name_is_written_as_it_stands_there() -> None:
    text = "competitions.template TemplateConfig TEMPLATE `make test-template` templates Templates contemplate"
    renamed = "competitions.music MusicConfig MUSIC `make test-music` templates Templates contemplate"
    assert rename(text, "music") == renamed
    assert rename("from competitions.template.rows.io import rows", "music") == "from competitions.music.io import rows"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_is_left_in_the_copy(checkout: Path, kind: Kind) -> None:
    made = make_competition(checkout, "music", NAMES, kind)
    assert all(path.exists() for path in made)
    source, copy = checkout / "competitions" / "template", checkout / "competitions" / "music"
    copied = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    of_rows = {path.relative_to(source / "rows") for path in (source / "rows").rglob("*") if path.is_file()}
    of_lists = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert copied == (of_rows if kind == "rows" else {path for path in of_lists if path.parts[0] != "rows"})
    ladder = checkout / "competitions" / "learning" / "music" / "ladder.py"
    assert ladder.exists() == (kind != "rows")
    for path in [
        *(copy / path for path in copied),
        *ladder.parent.glob("*"),
        checkout / "tests" / "contract" / "music.py",
    ]:
        assert "template" not in path.read_text().lower(), path
        assert "several:" not in path.read_text(), path
    assert f'kind="{kind}",' in (copy / "competition.py").read_text()
    names = (checkout / "competitions/__init__.py").read_text()
    assert 'NAMES = ("news", "flight", "mgtv", "tencent", "music")' in names
    assert "\nNAMES := news flight mgtv tencent music\n" in (checkout / "Makefile").read_text()


# No name; taken; a target of make, a mark, a module of Python, a folder here, one of the tests, one that git ignores.
@pytest.mark.parametrize(
    "name", ["News", "a b", "../x", "class", "template", "news", "clean", "slow", "io", "common", "unit", "build"]
)
def test_what_is_taken_or_no_name_is_refused(checkout: Path, name: str) -> None:
    (checkout / "tests" / "unit").mkdir()
    (checkout / "common").mkdir()
    before = sorted(checkout.rglob("*"))
    with pytest.raises(UserError, match=r"cannot be the name of a competition|There is already a competition news"):
        make_competition(checkout, name, NAMES)
    assert sorted(checkout.rglob("*")) == before


def test_only_a_checkout_takes_one(checkout: Path) -> None:
    makefile = checkout / "Makefile"
    for change, sentence in (
        (lambda: makefile.write_text("NAMES := something else\n"), "has no line NAMES"),
        (makefile.unlink, "Makefile is missing"),
    ):
        change()
        with pytest.raises(UserError, match=sentence):
            make_competition(checkout, "music", NAMES)
    assert not (checkout / "competitions" / "music").exists()
