"""What either layout yields, before items get their rows."""

from dataclasses import dataclass

from competitions.tencent.corpus import Int8s, Int32s, Note
from competitions.tencent.io.candidates import CandidateTable
from competitions.tencent.io.raw_sequences import Histories


@dataclass(frozen=True)
class Parts:
    """``items``: features of known items as codes [known + 1, 13]; ``actions`` of round 2 by asked user, or None."""

    items: Int32s
    candidates: CandidateTable
    train: Histories
    asked: Histories
    actions: Int8s | None
    notes: tuple[Note, ...]
