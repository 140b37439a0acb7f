"""The serving process: ``python -m common.day.serving.worker MODULE EXPORT VARIANT REQUESTS OUT`` writes its figures.

MODULE has ``load(export, variant)``, which returns a service, and ``read_requests(path)``.
"""

import importlib
import sys
import time
from pathlib import Path

import msgspec
import psutil

from common.day.serving.benchmark import measure
from common.engine.errors import UserError


def work(module: str, export: Path, variant: str, requests: Path, out: Path) -> None:
    """Load, answer, and write what it took as JSON."""
    code = importlib.import_module(module)
    libraries = resident_mib()
    begun = time.perf_counter()
    service = code.load(export, variant)
    loaded = time.perf_counter() - begun
    figures = msgspec.structs.replace(
        measure(service, code.read_requests(requests)),
        libraries_mib=libraries,
        resident_mib=resident_mib(),
        load_seconds=loaded,
    )
    out.write_bytes(msgspec.json.encode(figures))


def resident_mib() -> float:
    """Resident memory of this process, pages of mapped files that were touched among it."""
    resident: float = psutil.Process().memory_info().rss / 2**20
    return resident


if __name__ == "__main__":
    try:
        work(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5]))
    except UserError as error:
        sys.exit(f"error: {error}")
