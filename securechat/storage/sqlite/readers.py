"""The threads that read, each with a connection of its own, and how a question gets to one of them and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from securechat.errors import StorageError
from securechat.storage.sqlite.reader import Reader

T = TypeVar("T")


class _Question(NamedTuple):
    answer: Callable[[Reader], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class Readers:
    """Reading threads; whichever is idle takes the next question.

    A thread pool of the standard library would do, for several times the price of a small page.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._closed = False
        self._gate = threading.Lock()
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, args=(reader,), name="securechat-reader", daemon=True)
            for reader in readers
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, answer: Callable[[Reader], T]) -> asyncio.Future[T]:
        """Have a question answered; the future belongs to the running loop and raises what `answer` raises.

        Raises: StorageError after `close`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        # Behind the words that end the threads a question would wait for ever.
        with self._gate:
            if self._closed:
                raise StorageError("the history is closed")
            self._questions.put(_Question(answer, loop, future))
        return future

    def close(self) -> None:
        """Answer what was asked, close the connections and end the threads; takes as long as that."""
        with self._gate:
            self._closed = True
            for _ in self._threads:
                self._questions.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, reader: Reader) -> None:
        while (question := self._questions.get()) is not None:
            settle: Callable[[asyncio.Future[Any], Any], None]
            try:
                settle, result = _succeed, question.answer(reader)
            except Exception as error:
                settle, result = _fail, error
            try:
                question.loop.call_soon_threadsafe(settle, question.future, result)
            except RuntimeError:
                # The asker's loop has ended: there is nobody to tell.
                pass
        reader.close()


def _succeed(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
