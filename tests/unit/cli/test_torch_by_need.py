"""Where PyTorch is not installed, what needs it says so in one sentence; any other missing module is a fault."""

import pytest

from competitions import __main__ as command_line


def miss(name: str) -> None:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_verb_that_needs_torch_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "app", lambda: miss("torch"))
    with pytest.raises(SystemExit, match="1"):
        command_line.main()
    expected = "error: This needs PyTorch, which the other competitions do without: run make install-torch.\n"
    assert capsys.readouterr() == ("", expected)
    monkeypatch.setattr(command_line, "app", lambda: miss("polars"))
    with pytest.raises(ModuleNotFoundError):
        command_line.main()
