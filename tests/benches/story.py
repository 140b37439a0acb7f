"""What must be read to know what becomes of an ad's clicks a day ago, from the raw event to the ranker's column and to
the ten ads: ``python -m tests.benches.story``.

Files, lines of the definitions and names of ours in them, beside what they may be. A definition that was renamed is
refused: put the new one in ``STORY``. Names are the functions, classes, types and constants that a module defines, or
imports from another of the workspace. Exit code 1: over.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "competitions/tencent"
MOST = {"files": 12, "lines": 650, "names": 120}
STORY = {
    "io/parquet_layout.py": ("_parse_users",),
    "io/encoder.py": ("encode_users", "sort_events"),
    "corpus.py": ("Sequences", "number_rows"),
    "sequences.py": ("Histories", "last_times"),
    "split.py": ("Fold", "take_history"),
    "pipeline.py": ("rank", "fit_tables"),
    "features/popularity.py": ("Window", "Batch", "cut_batches", "AdLog", "sort_log", "describe", "squeeze"),
    "retrieval/channel.py": ("Queries",),
    "retrieval/search.py": (
        *("take_queries", "Candidates", "Pool", "Search", "add_up", "Moment"),
        *("SEARCH_SCORE", "SEEN"),
    ),
    "features/pair_features.py": ("pair_features", "popularity_columns"),
    "ranking.py": (
        *("list_candidates", "choose_rows", "find_hits", "fit", "split_parts", "answer"),
        *("score_candidates", "join_answers"),
    ),
    "top_k.py": ("TopK", "FoldAnswers"),
}


def name_definition(node: ast.AST) -> str | None:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    return target.id if isinstance(target, ast.Name) else None


def list_ours(module: ast.Module) -> Iterator[str]:
    """The names of ours that a module has."""
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("common", "competitions")):
            yield from (each.asname or each.name for each in node.names)
        elif name := name_definition(node):
            yield name


def count_story(story: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Files, lines and names; ``SystemExit`` for a definition that is not there."""
    lines, names = 0, set[str]()
    for file, wanted in story.items():
        module = ast.parse((HOUSE / file).read_text(encoding="utf-8"))
        ours, defined = {*list_ours(module)}, {name_definition(node): node for node in module.body}
        for name in wanted:
            if name not in defined:
                raise SystemExit(f"{file} has no {name}: put what stands for it in STORY of {Path(__file__).name}")
            node = defined[name]
            lines += (node.end_lineno or node.lineno) - node.lineno + 1
            names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & ours | {name}
    return {"files": len(story), "lines": lines, "names": len(names)}


def main() -> int:
    """Print the three numbers; the exit code."""
    counted = count_story(STORY)
    for what, most in MOST.items():
        print(f"{what:6} {counted[what]:6,} {most:8,}")
    return int(any(counted[what] > most for what, most in MOST.items()))


if __name__ == "__main__":
    sys.exit(main())
