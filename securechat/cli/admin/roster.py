"""A roster: a list of people in CSV, judged line by line before anybody is added."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from securechat.auth.passwords import check_password
from securechat.cli.admin.asking import ask
from securechat.cli.errands import find_config
from securechat.errors import ConfigError, SecurechatError
from securechat.server.requests import NameFaults, NewPerson, UserAdd
from securechat.wire.names import skeleton


class FaultyRoster(SecurechatError):
    """Lines of a roster cannot be used; the text has one for each, with its number."""


@dataclass(frozen=True)
class Row:
    """A person of a roster; line: where in the file, from 1."""

    line: int
    name: str
    password: str = field(default="", repr=False)
    surplus: int = 0
    """Columns beyond the two that are known."""


def read_roster(file: TextIO, name: str) -> list[Row]:
    """Read name and password from each line of CSV; empty lines and a heading are left out.

    Raises: ConfigError where it is no CSV in UTF-8.
    """
    reader = csv.reader(file, strict=True, skipinitialspace=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_read_row(line, cells))
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: is not CSV in UTF-8 ({error}); save it as that") from None
    except csv.Error as error:
        raise ConfigError(f"{name}, line {line}: is not CSV ({error}); mend its quotation marks") from None
    return rows[1:] if rows and _is_heading(rows[0]) else rows


def _read_row(line: int, cells: list[str]) -> Row:
    surplus = sum(bool(cell.strip()) for cell in cells[2:])
    return Row(line, cells[0].strip(), cells[1] if len(cells) > 1 else "", surplus)


def _is_heading(row: Row) -> bool:
    return row.name.lower() == "name" and row.password.strip().lower() in ("", "password")


def add_roster(data: Path, name: str, rows: list[Row], *, role: str, tokens: bool) -> list[dict[str, Any]]:
    """Add everybody in a roster, or nobody; return names and the secrets that were made.

    Raises: FaultyRoster, naming every line that cannot be used; SecurechatError.
    """
    _require_sound(data, name, rows)
    people = [NewPerson(row.name, row.password) for row in rows]
    return list(ask(data, UserAdd(people, role, tokens)))


def invite_roster(data: Path, name: str, rows: list[Row], *, role: str) -> list[dict[str, Any]]:
    """Make an invitation for everybody in a roster, or for nobody; return names and links.

    Raises: FaultyRoster, naming every line that cannot be used; SecurechatError.
    """
    from securechat.cli.admin.invitations import invite_all

    _require_sound(data, name, rows)
    with_password = {row.line: "has a password, and who is invited chooses one" for row in rows if row.password}
    if with_password:
        raise _refuse(name, with_password)
    return invite_all(data, [row.name for row in rows], role) if rows else []


def _require_sound(data: Path, name: str, rows: list[Row]) -> None:
    # Only the server knows which names there are, and which somebody once had.
    objections = ask(data, NameFaults([row.name for row in rows]))
    faults = find_faults(rows, objections, find_config(data).limits.password_length)
    if faults:
        raise _refuse(name, faults)


def find_faults(rows: Sequence[Row], objections: Sequence[str | None], shortest: int) -> dict[int, str]:
    """Return what is wrong with each line that cannot be used, by its number.

    objections: what the server has against the name of each row. shortest: characters a password needs.
    """
    faults: dict[int, str] = {}
    seen: dict[str, Row] = {}
    for row, objection in zip(rows, objections, strict=True):
        fault = _fault_of_line(row) or objection or _fault_of_twin(row, seen) or _fault_of_password(row, shortest)
        if fault is not None:
            faults[row.line] = fault
        seen.setdefault(skeleton(row.name), row)
    return faults


def _fault_of_line(row: Row) -> str | None:
    if row.surplus:
        return "has more columns than a name and a password; if there is a comma in one of them, put it in quotes"
    if ";" in row.name or "\t" in row.name:
        return "has a semicolon or a tab where a comma belongs"  # The name is not shown: a password stands behind it.
    return None


def _fault_of_twin(row: Row, seen: Mapping[str, Row]) -> str | None:
    twin = seen.get(skeleton(row.name))
    if twin is None:
        return None
    if twin.name == row.name:
        return f"{row.name!r} is in line {twin.line} already"
    return f"{row.name!r} could be mistaken for {twin.name!r}, which is in line {twin.line}"


def _fault_of_password(row: Row, shortest: int) -> str | None:
    return check_password(row.password, name=row.name, minimum=shortest) if row.password else None


def _refuse(name: str, faults: Mapping[int, str]) -> FaultyRoster:
    count = "1 line" if len(faults) == 1 else f"{len(faults)} lines"
    lines = [f"  line {line}: {fault}" for line, fault in sorted(faults.items())]
    return FaultyRoster("\n".join([f"{name}: nobody was added, {count} cannot be used:", *lines]))
