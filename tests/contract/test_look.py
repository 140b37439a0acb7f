"""A look at the raw files before any model, on every competition: one offline page, with pictures.

What is counted: tests/unit/common/day/look.
"""

import re

from common.day.look.page import PAGE
from tests.conftest import Call
from tests.contract.contract import Contract, Finished, require_room


def test_the_page_shows_the_files_and_asks_for_nothing(contract: Contract, finished: Finished, call: Call) -> None:
    require_room(contract, "day.look")
    code, out, err = call("look", contract.name, "--raw", finished.raw, "--build", finished.build)
    assert code == 0, err
    path = finished.build / contract.name / "look" / PAGE
    assert out == f"Look: {path.resolve().as_uri()}\n"
    assert not [line for line in err.splitlines() if re.match(r"  \S*fit\b", line)]  # before any model
    page = path.read_text()
    assert page.count("<svg") >= 2
    assert not re.search(r"<(script|link|img|iframe)\b|https?://", page)
    # Train stands beside test.
    assert len(re.findall(r'class="key other"', page)) + len(re.findall(r'data-title="candidates"', page)) > 0
