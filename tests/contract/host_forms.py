"""The forms in which a host's files are known to come: a row each, in ``forms_<name>.py`` of the competition."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Form:
    """One way in which a file of the host is known to come, beside the plain way of the planted raw folder."""

    file: str  # which file or folder takes it
    variant: str  # how it differs from the plain one
    known_from: str  # the sample, documentation or public code that shows it
    apply: Callable[[Path], None]  # brings a copy of the plain raw folder into this form
    says: str = ""  # what must stand among the notes of the reading; empty: nothing more than the plain form says
