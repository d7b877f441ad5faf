"""What is measured: how many talk, how fast, and who only listens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A load on one room.

    members: connections, the senders among them. senders: how many of them talk.
    rate: messages a second of all senders together; 0: as fast as the windows allow.
    window: messages a sender may have under way without an echo; 0: it does not wait for echoes.
    """

    name: str
    members: int
    senders: int = 0
    rate: int = 0
    window: int = 0

    @property
    def talks(self) -> bool:
        """Whether anybody says anything."""
        return self.senders > 0


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("quiet", members=200, senders=10, rate=20),
        Scenario("busy", members=200, senders=10, rate=2000),
        Scenario("flood", members=200, senders=10, window=16),
        Scenario("idle", members=1000),
    )
}
"""Every scenario by name, in the order they run."""
