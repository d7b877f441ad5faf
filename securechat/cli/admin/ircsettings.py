"""What somebody who was invited types into the IRC client they like, from the CA file to the account."""

from __future__ import annotations

from collections.abc import Iterator

from securechat.cli.links import Place

_NAME = "YOUR-NAME"
_PASSWORD = "YOUR-PASSWORD"  # noqa: S105 (a blank to be filled in)
_CHAT = "chat"
"""What the client calls the server."""


def irc_block(place: Place, link: str, *, name: str, fingerprint: str) -> str:
    """Return the settings and commands for WeeChat, irssi, Halloy and senpai.

    name: the only one the invitation is for, "" for any. fingerprint: of the CA (SHA-256), "" where everybody knows it.
    """
    host, port = place.hosts[0]
    lines = [*_ca_lines(host, port, fingerprint)] if fingerprint else []
    name = name or _NAME
    commands = [f"REGISTER {name} * :{_PASSWORD}", f"VERIFY {name} {link}"]
    lines += _weechat(host, port, name, commands, bool(fingerprint))
    lines += _irssi(host, port, name, commands, bool(fingerprint))
    lines += _others(host, port, name, commands, bool(fingerprint))
    return "\n".join(lines)


def _ca_lines(host: str, port: int, fingerprint: str) -> Iterator[str]:
    yield "# The CA file. Get it, and compare: the second command must print the third line, to the last letter."
    yield f"curl --insecure --output ca.pem {_url(host, port)}/ca.pem"
    yield "openssl x509 -in ca.pem -noout -fingerprint -sha256"
    yield f"sha256 Fingerprint={fingerprint}"
    yield ""


def _weechat(host: str, port: int, name: str, commands: list[str], has_ca: bool) -> Iterator[str]:
    register, verify = commands
    yield "# WeeChat (before 4.0 write -ssl for -tls): up to /connect, and the rest when it says that one was invited."
    if has_ca:
        yield "/set weechat.network.gnutls_ca_user /PATH/TO/ca.pem"
    yield f"/server add {_CHAT} {host}/{port} -tls -nicks={name}"
    yield f"/connect {_CHAT}"
    yield f"/quote -server {_CHAT} {register}"
    # What comes at once after a line it holds back, and before the welcome for ever.
    yield f"/wait 3 /quote -server {_CHAT} {verify}"
    yield f"/set irc.server.{_CHAT}.sasl_username {name}"
    yield f"/set irc.server.{_CHAT}.sasl_password {_PASSWORD}"
    yield "/save"
    yield ""


def _irssi(host: str, port: int, name: str, commands: list[str], has_ca: bool) -> Iterator[str]:
    ca = " -tls_cafile /PATH/TO/ca.pem" if has_ca else ""
    yield "# irssi: up to /connect, and the rest when it says that one was invited."
    yield f"/network add -nick {name} {_CHAT}"
    yield f"/server add -tls -tls_verify{ca} -network {_CHAT} {host} {port}"
    yield f"/connect {_CHAT}"
    yield from (f"/quote {command}" for command in commands)
    yield f'/network add -sasl_mechanism PLAIN -sasl_username {name} -sasl_password "{_PASSWORD}" {_CHAT}'
    yield "/save"
    yield ""


def _others(host: str, port: int, name: str, commands: list[str], has_ca: bool) -> Iterator[str]:
    trust = " -CAfile ca.pem" if has_ca else ""
    check = "-verify_ip" if ":" in host or host.replace(".", "").isdigit() else "-verify_hostname"
    yield "# Halloy, senpai and all others: make the account first, with these three lines in a shell (then Ctrl-C) ..."
    yield f"openssl s_client -quiet -verify_return_error{trust} {check} {host} -connect {_where(host, port)}"
    yield from commands
    yield ""
    yield "# ... then Halloy, in config.toml:"
    yield f"[servers.{_CHAT}]"
    yield f'nickname = "{name}"'
    yield f'server = "{host}"'
    yield f"port = {port}"
    if has_ca:
        yield 'root_cert_path = "/PATH/TO/ca.pem"'
    yield f"[servers.{_CHAT}.sasl.plain]"
    yield f'username = "{name}"'
    yield f'password = "{_PASSWORD}"'
    yield ""
    env = "started as SSL_CERT_FILE=/PATH/TO/ca.pem senpai, " if has_ca else ""
    yield f"# ... or senpai, {env}in senpai.scfg:"
    yield f'address "ircs://{_where(host, port)}"'
    yield f'nickname "{name}"'
    yield f'password "{_PASSWORD}"'


def _where(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _url(host: str, port: int) -> str:
    return f"https://{_where(host, port)}"
