"""What a client keeps for a server and an account between two starts, all of it in one private directory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from securechat.client.journal import Journal
from securechat.client.notebook import Notebook
from securechat.client.outbox import Outbox
from securechat.errors import ConfigError
from securechat.plain.access import Access
from securechat.plain.recall import Recall
from securechat.plain.renaming import follow_name
from securechat.plain.settings import Settings, load, save

TYPED: Final = "typed.json"


@dataclass(slots=True)
class Belongings:
    """Without a home nothing is kept; made by `unpack`.

    access: the account, where it is to be followed to another name.
    recall: the lines typed earlier, once somebody has asked for them.
    complaints: what could not be read or kept, in words for people.
    """

    home: Path | None = None
    journal: Journal | None = None
    notebook: Notebook | None = None
    settings: Settings = field(default_factory=Settings)
    access: Access | None = None
    recall: Recall = field(default_factory=lambda: Recall(None))
    complaints: list[str] = field(default_factory=list)

    def open_recall(self) -> Recall:
        """Return the lines typed earlier."""
        self.recall = Recall(None if self.home is None else self.home / TYPED)
        return self.recall

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

    def follow_name(self, nick: str) -> str:
        """Go on by the account's new name, and return a remark for people."""
        if self.access is None:
            return f"you are called {nick} now"
        self.access, remark = follow_name(self.access, nick)
        self.home = self.access.home
        if self.home is not None:
            for part in (self.notebook, self.journal, self.recall):
                if part is not None and part.path is not None:
                    part.path = self.home / part.path.name
        return remark

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
