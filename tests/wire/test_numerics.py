"""Numerics: those with a meaning elsewhere are what the specifications say."""

from __future__ import annotations

import re

from securechat.wire import numerics

WRITTEN_OUT = {
    "001": "RPL_WELCOME",
    "005": "RPL_ISUPPORT",
    "301": "RPL_AWAY",
    "353": "RPL_NAMREPLY",
    "366": "RPL_ENDOFNAMES",
    "376": "RPL_ENDOFMOTD",
    "401": "ERR_NOSUCHNICK",
    "403": "ERR_NOSUCHCHANNEL",
    "404": "ERR_CANNOTSENDTOCHAN",
    "417": "ERR_INPUTTOOLONG",
    "421": "ERR_UNKNOWNCOMMAND",
    "422": "ERR_NOMOTD",
    "432": "ERR_ERRONEUSNICKNAME",
    "442": "ERR_NOTONCHANNEL",
    "451": "ERR_NOTREGISTERED",
    "461": "ERR_NEEDMOREPARAMS",
    "462": "ERR_ALREADYREGISTERED",
    "464": "ERR_PASSWDMISMATCH",
    "473": "ERR_INVITEONLYCHAN",
    "482": "ERR_CHANOPRIVSNEEDED",
    "671": "RPL_WHOISSECURE",
    "696": "ERR_INVALIDMODEPARAM",
    "900": "RPL_LOGGEDIN",
    "901": "RPL_LOGGEDOUT",
    "902": "ERR_NICKLOCKED",
    "903": "RPL_SASLSUCCESS",
    "904": "ERR_SASLFAIL",
    "905": "ERR_SASLTOOLONG",
    "906": "ERR_SASLABORTED",
    "907": "ERR_SASLALREADY",
    "908": "RPL_SASLMECHS",
}


def test_numerics_are_named_as_modern_irc_names_them() -> None:
    assert {number: numerics.NAMES.get(number) for number in WRITTEN_OUT} == WRITTEN_OUT


def test_every_constant_is_three_digits_and_no_two_are_the_same() -> None:
    constants = {name: value for name, value in vars(numerics).items() if name.startswith(("RPL_", "ERR_"))}
    assert all(re.fullmatch(r"[0-9]{3}", value) for value in constants.values())
    assert len(set(constants.values())) == len(constants) == len(numerics.NAMES)
