"""The peer: InspIRCd from Debian, configured so that nothing is throttled and lines carry what they can carry there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.bench.missing import Missing

FLAGS = ("--runasroot", "--nofork", "--nolog", "--nopid")
MODULES = (
    "ssl_gnutls",
    "ircv3",
    "cap",
    "ircv3_servertime",
    "ircv3_ctctags",
    "ircv3_accounttag",
    "ircv3_batch",
    "ircv3_echomessage",
    "ircv3_msgid",
)
"""ircv3_ctctags is message-tags. account-tag finds nothing to say: accounts are the business of services there."""
PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:-CIPHER-ALL:+AES-256-GCM"
"""TLS as our server and its members agree on it, in the words of GnuTLS."""
_NO_LIMIT = 1_000_000_000
_CONFIGURATION = """\
<server name="peer.bench" description="peer" network="bench">
<admin name="bench" nick="bench" email="bench@localhost">
<path datadir="{directory}" logdir="{directory}" runtimedir="{directory}">
<files motd="/dev/null">
<bind address="127.0.0.1" port="{port}" type="clients" sslprofile="bench">
<sslprofile name="bench" provider="gnutls" certfile="{cert}" keyfile="{key}" priority="{priority}" requestclientcert="no">
<options defaultmodes="n" casemapping="ascii">
<performance netbuffersize="65534" somaxconn="1024" softlimit="100000" clonesonconnect="no" quietbursts="yes">
<connect name="main" allow="*" limit="100000" localmax="100000" globalmax="100000" maxconnwarn="no" maxchans="1000"
         timeout="60" pingfreq="1h" resolvehostnames="no" useident="no" fakelag="no" commandrate="{no_limit}"
         threshold="{no_limit}" recvq="{no_limit}" softsendq="{no_limit}" hardsendq="{no_limit}">
"""


def find_program() -> str:
    """Return where the program is; Debian has it where only root looks by itself.

    Raises: Missing when it is not installed.
    """
    found = shutil.which("inspircd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise Missing("no peer: InspIRCd is not installed (the Debian package inspircd)")
    return found


def configure(directory: Path, port: int, cert: Path, key: Path) -> str:
    """Return the text of a configuration file. directory: what it may write into."""
    loads = "".join(f'<module name="{module}">\n' for module in MODULES)
    return loads + _CONFIGURATION.format(
        directory=directory, port=port, cert=cert, key=key, priority=PRIORITY, no_limit=_NO_LIMIT
    )
