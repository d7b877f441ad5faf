"""A process full of people, and waiting for it no longer than a deadline."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence

from tests.crash.people import Part, play
from tests.crash.server import DEADLINE, Server
from tests.crash.transcript import Visit


class Company:
    """Plays parts at a server, in a process of its own.

    Raises, everywhere: RuntimeError when the process has ended or says nothing for too long.
    """

    def __init__(self, parts: Sequence[Part], server: Server) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, orders = context.Pipe()
        players = [(part, server.tokens[part.account]) for part in parts]
        self._process = context.Process(target=play, args=(orders, players, str(server.ca)), daemon=True)
        self._process.start()
        orders.close()
        self._names = ", ".join(part.name for part in parts)

    def enter(self, port: int, finishing: bool = False) -> None:
        """Have everybody connect; finishing: until all of theirs is acknowledged or read."""
        self._pipe.send((port, finishing))

    def await_settled(self, seconds: float = DEADLINE) -> None:
        """Wait until everybody is under way, or gone."""
        assert self._receive(seconds) == "settled"

    def await_visits(self) -> list[Visit]:
        """Wait until everybody is gone; return what they saw."""
        visits = self._receive(DEADLINE)
        assert isinstance(visits, list)
        return visits

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()

    def _receive(self, seconds: float) -> object:
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"the process of {self._names} has ended") from None
        raise RuntimeError(f"{self._names}: nothing for {seconds:g} s")
