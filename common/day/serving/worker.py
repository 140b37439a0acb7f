"""The serving process: ``python -m common.day.serving.worker MODULE EXPORT VARIANT REQUESTS`` prints its figures.

MODULE has ``load(export, variant)``, which returns a service, and ``read_requests(path)``.
"""

import importlib
import sys
import time
from pathlib import Path

import msgspec
import psutil

from common.day.serving.benchmark import Figures, measure
from common.engine.errors import UserError


def work(module: str, export: Path, variant: str, requests: Path) -> Figures:
    """Load, answer, and say what it took."""
    code = importlib.import_module(module)
    libraries, begun = resident_mib(), time.perf_counter()
    service = code.load(export, variant)
    loaded = time.perf_counter() - begun
    figures = measure(service, code.read_requests(requests))
    return msgspec.structs.replace(figures, libraries_mib=libraries, resident_mib=resident_mib(), load_seconds=loaded)


def resident_mib() -> float:
    """Resident memory of this process, pages of mapped files that were touched among it."""
    resident: float = psutil.Process().memory_info().rss / 2**20
    return resident


if __name__ == "__main__":
    try:
        figures = work(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
    except UserError as error:
        sys.exit(f"error: {error}")
    print(msgspec.json.encode(figures).decode())
