"""A folder where a file is expected is refused in every competition; a missing file's sentence says where it may be."""

from pathlib import Path

import pytest

from common.engine.errors import UserError
from common.io.files import hint_where, require_file


def test_what_is_missing_or_a_folder_is_refused_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for missing in (path, path / "deeper", tmp_path / ("a" * 5000)):
        with pytest.raises(UserError, match=rf"{missing.name} is missing from {missing.parent}; get it$"):
            require_file(missing, "get it")
    path.symlink_to(path)
    with pytest.raises(UserError, match=r"x\.csv is missing from"):
        require_file(path, "get it")
    path.unlink()
    path.write_text("")
    require_file(path, "get it")
    with pytest.raises(UserError, match="is a directory, not a file; get it"):
        require_file(tmp_path, "get it")


@pytest.mark.parametrize("deeper", ["unpacked", "unpacked/tcdata"])
@pytest.mark.parametrize("missing", ["x.csv", "train/x.csv"])
def test_the_folder_in_a_folder_is_named_where_the_file_lies_in_it(tmp_path: Path, deeper: str, missing: str) -> None:
    target = tmp_path / deeper / missing
    target.parent.mkdir(parents=True)
    target.write_text("")
    (tmp_path / "other.zip").write_text("")
    with pytest.raises(UserError, match=rf"is missing from .*, but it is in {tmp_path / deeper}: name that folder"):
        require_file(tmp_path / missing, "get it")


@pytest.mark.parametrize("packed", ["x.csv.zip", "all.7z", "all.RAR", "all.tar.gz"])
def test_an_archive_left_packed_is_named(tmp_path: Path, packed: str) -> None:
    (tmp_path / packed).write_text("")
    (tmp_path / "zzz.zip").write_text("")
    assert hint_where(tmp_path / "x.csv") == f", but {tmp_path / packed} is there: unpack it"
    assert hint_where(tmp_path / "train" / "x.csv").startswith(f", but {tmp_path}/")
    (tmp_path / packed).unlink()
    (tmp_path / "zzz.zip").rename(tmp_path / "notes.txt")
    assert hint_where(tmp_path / "x.csv") == ""
