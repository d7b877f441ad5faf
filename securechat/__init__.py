"""A group chat a team hosts itself: IRCv3 over TLS, accounts for everybody, durable ordered history."""

__version__ = "0.1.0"
