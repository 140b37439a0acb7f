"""What a step costs."""

import threading
import time

import psutil

SAMPLE_S = 0.05


class Meter:
    """Wall seconds, and the highest resident memory of the process in MiB, of a block."""

    def __init__(self) -> None:
        """Nothing is measured before the block begins."""
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak_mib = 0.0
        self.seconds = 0.0

    def __enter__(self) -> "Meter":
        """Begin: samples are taken by a thread."""
        self._look()
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, with a last look."""
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()
        self._look()

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        self.peak_mib = max(self.peak_mib, self._process.memory_info().rss / 2**20)
