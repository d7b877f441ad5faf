"""What a client keeps for a server and an account between two starts, all of it in one private directory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from securechat.client.journal import Journal
from securechat.client.notebook import Notebook
from securechat.client.outbox import Outbox
from securechat.errors import ConfigError
from securechat.plain.settings import Settings, load, save


@dataclass(slots=True)
class Belongings:
    """Without a home nothing is kept; made by `unpack`.

    complaints: what could not be read or kept, in words for people.
    """

    home: Path | None = None
    journal: Journal | None = None
    notebook: Notebook | None = None
    settings: Settings = field(default_factory=Settings)
    complaints: list[str] = field(default_factory=list)

    @property
    def typed(self) -> Path | None:
        """The file of the lines typed earlier."""
        return None if self.home is None else self.home / "typed.json"

    def make_outbox(self) -> Outbox:
        """Return an outbox with what was not confirmed last time."""
        if self.journal is None:
            return Outbox()
        return Outbox(keeper=self.journal, left=self.journal.left)

    def save_settings(self) -> None:
        """Remember the settings; raises OSError when that cannot be done."""
        if self.home is not None:
            save(self.home / "settings.json", self.settings)

    def save_notebook(self) -> None:
        """Remember how far one has read; raises OSError when that cannot be done."""
        if self.notebook is not None:
            self.notebook.save(time.time_ns() // 1_000_000)

    def pack(self) -> None:
        """Remember everything once more, and let others have it."""
        try:
            self.save_notebook()
        except OSError:
            # There is nobody left to tell, and at worst something is shown twice.
            pass
        if self.journal is not None:
            self.journal.close()


def unpack(home: Path | None) -> Belongings:
    """Return what is kept in a directory; what is damaged begins anew, and is complained of."""
    if home is None:
        return Belongings()
    belongings = Belongings(home, settings=load(home / "settings.json"), notebook=Notebook(home / "read.json"))
    try:
        belongings.journal = Journal.open(home)
    except ConfigError as error:
        belongings.complaints.append(f"{error}; what you write is lost if this client is killed")
    kept = (belongings.notebook, belongings.journal)
    belongings.complaints += [part.complaint for part in kept if part is not None and part.complaint]
    return belongings
