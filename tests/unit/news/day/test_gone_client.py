"""A client that leaves while its request is computed ends neither the batch nor the service."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence

from competitions.news.day.serve import Answer, Batches
from tests.unit.news.day.test_serve import Echo


class Slow(Echo):
    """It answers once it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.release = threading.Event(), threading.Event()

    def answer(self, requests: Sequence[int]) -> list[Answer]:
        self.begun.set()
        self.release.wait(60)
        return super().answer(requests)


def test_the_next_request_is_answered() -> None:
    async def leave_and_ask() -> Answer:
        service = Slow()
        batches = Batches(service)
        work = asyncio.create_task(batches.run())
        gone = asyncio.create_task(batches.answer(b"1"))
        await asyncio.to_thread(service.begun.wait, 60)
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone
        service.release.set()
        answered = asyncio.create_task(batches.answer(b"2"))
        done, _ = await asyncio.wait({work, answered}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        assert answered in done
        return answered.result()

    assert asyncio.run(leave_and_ask()) == {"doubles": [4]}
