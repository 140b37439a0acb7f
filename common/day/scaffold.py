"""A new competition from the one that is there to begin from: its folder, its contract entry, its name where names are.

The template is a competition like any other, checked and typed with the rest; a copy of it under another name runs.
That of the kind ``rows`` stands in a folder of it; ``several`` is ``one`` with a few other values, each beside the
line's own behind the mark ``several:``.
"""

import keyword
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from common.engine.errors import UserError
from common.learning.kinds import Kind

TEMPLATE = "template"
NAME = re.compile(r"[a-z][a-z0-9]{1,19}")
TARGET = re.compile(r"^([a-z][a-z0-9]*):", re.MULTILINE)  # of a Makefile
RESERVED = {"slow", "nightly", "build"}  # marks of tests beside their folders'; git ignores every folder build
CODE = ("*.py", "*.toml", "*.md")
ROWS = "rows"  # the folder of the template for that kind
# METRIC = "mrr@5"  # several: "ndcg@10"
VALUE = r'"[^"\n]*",?|[0-9.]+'
SEVERAL = re.compile(rf"(?P<value>{VALUE})  # several: (?P<other>{VALUE})")


def make_competition(root: Path, name: str, known: Sequence[str], kind: Kind = "one") -> list[Path]:
    """Write the competition ``name`` of a ``kind`` into a checkout ``root``; returns what was made and changed.

    Raises ``UserError`` for a name that is taken or none, and where ``root`` is no checkout. Nothing is written then.
    """
    folder, contract = root / "competitions" / name, root / "tests" / "contract" / f"{name}.py"
    _refuse_name(name, known, folder)
    source = folder.with_name(TEMPLATE) / (ROWS if kind == ROWS else "")
    entry = contract.with_name(f"{TEMPLATE}_{ROWS}.py" if kind == ROWS else f"{TEMPLATE}.py")
    lists = [root / "competitions" / "__init__.py", root / "Makefile"]
    for path in (entry, *lists):
        if not path.is_file():
            raise UserError(f"{path} is missing: run this in the root of a checkout of the repository.")
    taken = {
        *TARGET.findall(lists[1].read_text(encoding="utf-8")),
        *RESERVED,
        *sys.stdlib_module_names,  # which a folder of its tests would hide
        *(path.name for path in root.iterdir()),
        *(path.name for path in root.glob("tests/*")),
    }
    if name in taken:
        raise UserError(
            f"{name} cannot be the name of a competition: make {name}, make test-{name} or a module exists already."
        )
    edited = {path: _add_name(path, name, known) for path in lists}
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", ROWS))
    for path in sorted(path for pattern in CODE for path in folder.rglob(pattern)):
        path.write_text(rename(choose(path.read_text(encoding="utf-8"), kind), name), encoding="utf-8")
    for path in sorted((root / "competitions" / "learning" / TEMPLATE).glob("*.py")) if kind != ROWS else ():
        target = path.parent.with_name(name) / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_text(rename(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    contract.write_text(rename(choose(entry.read_text(encoding="utf-8"), kind), name), encoding="utf-8")
    raw = root / "data" / name / "raw" / ".gitkeep"
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.touch()
    for path, text in edited.items():
        path.write_text(text, encoding="utf-8")
    return [folder, contract, raw.parent, *edited]


def choose(text: str, kind: Kind) -> str:
    """The template's text for a kind: of a value that another one stands behind, marked "several:", the right one.

    >>> choose('METRIC = "mrr@5"  # several: "ndcg@10"', "several"), choose("ANSWERS = 1  # several: 5  # items", "one")
    ('METRIC = "ndcg@10"', 'ANSWERS = 1  # items')
    """
    return SEVERAL.sub(lambda line: line["other" if kind == "several" else "value"], text)


def rename(text: str, name: str) -> str:
    """The template's text under another name, in small letters, as a title and in capitals."""
    text = re.sub(rf"\b{TEMPLATE}(\.|/|_){ROWS}\b", TEMPLATE, text)
    for old, new in ((TEMPLATE, name), (TEMPLATE.title(), name.title()), (TEMPLATE.upper(), name.upper())):
        text = re.sub(rf"(?<![a-zA-Z]){old}(?![a-z])", new, text)
    return text


def _refuse_name(name: str, known: Sequence[str], folder: Path) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name == TEMPLATE:
        raise UserError(
            f"{name!r} cannot be the name of a competition: use 2 to 20 small letters and digits, such as music25."
        )
    if name in known or folder.exists():
        raise UserError(f"There is already a competition {name} in {folder}: choose another name, or remove it first.")


def _add_name(path: Path, name: str, known: Sequence[str]) -> str:
    """The file's text with the name at the end of its list of names."""
    text = path.read_text(encoding="utf-8")
    last = known[-1]
    patterns = ((rf'^(NAMES = \(.*"{last}")', rf'\1, "{name}"'), (rf"^(NAMES := .*\b{last})$", rf"\1 {name}"))
    for pattern, replacement in patterns:
        text, changes = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        if changes:
            return text
    raise UserError(f"{path} has no line NAMES that ends with {last}: add {name} to it by hand, or restore the file.")
