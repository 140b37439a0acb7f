"""What a run will take, what there is, and the sentence where the one is more than the other."""

from pathlib import Path

import pytest

from common.engine import memory
from common.engine.errors import UserError
from common.engine.memory import GIB, MemoryNeed, find_room, refuse_too_large
from competitions import find_competition
from tests.conftest import FINISHED, Call

NEED = MemoryNeed(((0.0, 0.5), (0.1, 1.5), (1.0, 6.0)), raw_gib=2 / 1024)  # 2 MiB of raw files at the host's size


def limit_room(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    monkeypatch.setattr(memory, "find_room", lambda: (gib, "the container's limit"))


def test_between_the_sizes_that_were_measured_memory_grows_evenly() -> None:
    for scale, gib in ((0, 0.5), (0.05, 1.0), (0.1, 1.5), (0.55, 3.75), (1, 6.0), (2, 11.0)):
        assert NEED.at(scale) == pytest.approx(gib)
    for gib, scale in ((0.2, 0.0), (1.0, 0.05), (3.75, 0.55), (64.0, 1.0)):
        assert NEED.fits(gib) == pytest.approx(scale, abs=1.1e-3)


def test_the_scale_of_a_folder_is_that_of_its_bytes_in_whatever_folder(tmp_path: Path) -> None:
    (tmp_path / "logs" / "day01").mkdir(parents=True)
    (tmp_path / "logs" / "day01" / "a.csv").write_bytes(bytes(1 << 20))
    (tmp_path / "b.csv").write_bytes(bytes(1 << 19))
    assert NEED.scale_of(tmp_path) == pytest.approx(0.75)
    assert NEED.scale_of(tmp_path / "b.csv") == NEED.scale_of(tmp_path / "nothing") == 0


def test_the_least_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version_1, version_2 = tmp_path / "limit_in_bytes", tmp_path / "max"
    monkeypatch.setattr(memory, "CONTROL_GROUPS", (version_1, version_2))
    free, limit = find_room()
    assert free > 0.1
    version_1.write_text("9223372036854771712\n")
    version_2.write_text("max\n")
    assert find_room()[1] == limit
    version_2.write_text(f"{GIB // 64}\n")
    assert find_room() == (1 / 64, "the container's limit")


def test_raw_files_that_are_too_many_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limit_room(monkeypatch, 2.0)
    refuse_too_large(NEED, None, 0.1)
    refuse_too_large(NEED, tmp_path, 5.0)  # a folder counts, and not the scale
    (tmp_path / "a.csv").write_bytes(bytes(2 << 20))
    with pytest.raises(UserError, match=r"these files takes about 6\.0 GiB .* limit is 2\.0 GiB: .* fewer rows"):
        refuse_too_large(NEED, tmp_path, 0.1)


@pytest.mark.parametrize("name", FINISHED)
def test_ten_times_the_default_rows_are_refused_before_anything_is_made(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    limit_room(monkeypatch, 2.0)
    host = find_competition(name).host
    code, out, err = call("run", name, "--scale", 10 * host.scale, "--build", tmp_path / "build")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: A run on simulated data of scale {10 * host.scale:g} takes about ")
    assert "SCALE=" in err
    assert host.need is not None
    fits = float(err.partition("SCALE=")[2].split()[0])
    assert 0 < host.need.at(fits) <= 2.0 < host.need.at(10 * host.scale)
    assert not (tmp_path / "build").exists()


def test_who_knows_better_goes_on(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limit_room(monkeypatch, 0.1)
    (tmp_path / "raw").mkdir()
    refused = call("run", "news", "--raw", tmp_path / "raw")
    assert "takes about 0.4 GiB of memory" in refused[2]
    assert "is missing from" in call("run", "news", "--raw", tmp_path / "raw", "--any-memory")[2]
