"""Where a running server can be found, for links that lead to it."""

from __future__ import annotations

import msgspec


class Whereabouts(msgspec.Struct, frozen=True):
    """What a server goes by.

    names: host names and addresses. port: of its first listener. ca: the path of the CA's certificate that it hands out,
    which a link can pin; "" where everybody knows the CA.
    """

    names: list[str]
    port: int
    ca: str
