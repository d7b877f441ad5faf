"""A roster: a list of people in CSV, judged line by line before anybody is added."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from securechat.auth.passwords import check_password
from securechat.cli.admin.asking import ask
from securechat.cli.errands import RequestFailed, find_config
from securechat.errors import ConfigError, SecurechatError
from securechat.server.office import NewPerson, UserAdd, UserList
from securechat.wire.names import is_account_name, is_reserved, skeleton


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
    existing = {skeleton(person["name"]): person["name"] for person in ask(data, UserList())}
    faults = find_faults(rows, existing, find_config(data).limits.password_length)
    if faults:
        raise _refuse(name, faults)
    return _add(data, name, rows, role, tokens)


def _add(data: Path, name: str, rows: list[Row], role: str, tokens: bool) -> list[dict[str, Any]]:
    # Only the server knows some things, names that somebody once had for example, and it names the first row it refuses.
    # That row goes to the end, so that the next one is named: as long as it is there, nobody is added.
    refused: dict[int, str] = {}
    while True:
        people = [NewPerson(row.name, row.password) for row in sorted(rows, key=lambda row: row.line in refused)]
        try:
            return list(ask(data, UserAdd(people, role, tokens)))
        except RequestFailed as error:
            line = _find_line(rows, str(error))
            if line is None and not refused:
                raise
            if line is None or line in refused:
                raise _refuse(name, refused) from None
            refused[line] = str(error)


def _find_line(rows: Iterable[Row], error: str) -> int | None:
    """Return the line of the person whom an error of the server names first."""
    places = {error.find(f"{row.name!r}"): row.line for row in rows if f"{row.name!r}" in error}
    return places[min(places)] if places else None


def find_faults(rows: Iterable[Row], existing: Mapping[str, str], shortest: int) -> dict[int, str]:
    """Return what is wrong with each line that cannot be used, by its number.

    existing: the accounts there are, by the skeletons of their names. shortest: characters a password needs.
    """
    faults: dict[int, str] = {}
    seen: dict[str, Row] = {}
    for row in rows:
        fault = _fault_of_name(row, existing, seen) or _fault_of_password(row, shortest)
        if fault is not None:
            faults[row.line] = fault
        seen.setdefault(skeleton(row.name), row)
    return faults


def _fault_of_name(row: Row, existing: Mapping[str, str], seen: Mapping[str, Row]) -> str | None:
    name = row.name
    if row.surplus:
        return "has more columns than a name and a password; if there is a comma in one of them, put it in quotes"
    if ";" in name or "\t" in name:
        return "has a semicolon or a tab where a comma belongs"  # The name is not shown: a password stands behind it.
    if not is_account_name(name):
        return f"{name!r} cannot be a name: a letter, then up to 31 letters, digits, - or _"
    if is_reserved(name):
        return f"{name!r} is reserved for services"
    other = existing.get(skeleton(name))
    if other is not None:
        return _word_likeness(name, other, "exists")
    twin = seen.get(skeleton(name))
    return None if twin is None else _word_likeness(name, twin.name, f"is in line {twin.line}")


def _word_likeness(name: str, other: str, where: str) -> str:
    return f"{name!r} {where} already" if name == other else f"{name!r} could be mistaken for {other!r}, which {where}"


def _fault_of_password(row: Row, shortest: int) -> str | None:
    return check_password(row.password, name=row.name, minimum=shortest) if row.password else None


def _refuse(name: str, faults: Mapping[int, str]) -> FaultyRoster:
    count = "1 line" if len(faults) == 1 else f"{len(faults)} lines"
    lines = [f"  line {line}: {fault}" for line, fault in sorted(faults.items())]
    return FaultyRoster("\n".join([f"{name}: nobody was added, {count} cannot be used:", *lines]))
