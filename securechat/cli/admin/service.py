"""install-service: securechat as a service of systemd, with as few rights as it can live with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from securechat.cli.admin.command import Command
from securechat.cli.admin.printing import print_line

UNIT_PATH = Path("/etc/systemd/system/securechat.service")
STATE = Path("/var/lib/securechat")
"""What systemd makes for StateDirectory=securechat."""

_TEMPLATE = """\
[Unit]
Description=securechat, a group chat
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User={user}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
# What must be changed by somebody first is not tried again and again.
RestartPreventExitStatus=2
TimeoutStopSec=30
{state}

UMask=0077
LimitCORE=0
LimitNOFILE=524288
NoNewPrivileges=yes
{capabilities}
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@click.command(
    "install-service",
    cls=Command,
    examples=[
        ("install-service --show", "prints the unit"),
        ("install-service --name chat.example.org", "as root"),
    ],
)
@click.option("--show", is_flag=True, help="Print the unit and change nothing.")
@click.option("--user", default="securechat", show_default=True, help="The user that it runs as.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Name or address people connect to.")
@click.option("--low-port", is_flag=True, help="Let it listen on a port below 1024.")
@click.pass_context
def install_service(context: click.Context, show: bool, user: str, names: Sequence[str], low_port: bool) -> None:
    """Write a systemd unit for this installation; its data is in /var/lib/securechat unless --data names another."""
    from securechat.errors import ConfigError, SecurechatError

    chosen = context.find_root().params.get("data")
    data = Path(chosen).absolute() if chosen else STATE
    unit = describe_service(find_server(), data, user, names, low_port=low_port)
    if show:
        print_line(unit.removesuffix("\n"))
        return
    if os.geteuid() != 0:
        raise ConfigError(f"{UNIT_PATH}: only root can write there; run this as root, or see it with --show")
    try:
        UNIT_PATH.write_text(unit)
        UNIT_PATH.chmod(0o644)
    except OSError as error:
        raise SecurechatError(f"{UNIT_PATH}: cannot be written ({error.strerror})") from None
    click.echo(f"{UNIT_PATH} is written. Next:", err=True)
    for line in (
        f"  id {user} || useradd --system --home-dir {data} --shell /usr/sbin/nologin {user}",
        "  systemctl daemon-reload",
        "  systemctl enable --now securechat",
        "  journalctl -u securechat",
    ):
        click.echo(line, err=True)


def find_server() -> Path:
    """Return the path of the securechat-server that belongs to this installation."""
    return Path(sys.prefix) / "bin" / "securechat-server"


def describe_service(server: Path, data: Path, user: str, names: Sequence[str], *, low_port: bool) -> str:
    """Return the unit's text.

    Raises: ConfigError for words that a unit could take for something else.
    """
    from securechat.errors import ConfigError

    words = [str(server), "--data", str(data), *(word for name in names for word in ("--name", name))]
    for word in (user, *words):
        if not word or not word.isprintable() or set(word) & set(" \"'\\%$;"):
            raise ConfigError(
                f"{word!r} cannot stand in a unit; choose another name or place, without blanks and signs"
            )
    capability = "CAP_NET_BIND_SERVICE" if low_port else ""
    return _TEMPLATE.format(
        user=user,
        command=" ".join(words),
        state="StateDirectory=securechat\nStateDirectoryMode=0700" if data == STATE else f"ReadWritePaths={data}",
        capabilities=f"CapabilityBoundingSet={capability}\n"
        + (f"AmbientCapabilities={capability}" if low_port else "PrivateUsers=yes"),
        home="read-only" if _is_at_home(server, data) else "yes",
    )


def _is_at_home(*paths: Path) -> bool:
    return any(path.is_relative_to(home) for path in paths for home in ("/home", "/root", "/run/user"))
