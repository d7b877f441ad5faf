"""Our own certificate authority: what it issues, for which names, for how long, and in which files.

Knows X.509, PEM, file modes, and what an account's name looks like. Must not know accounts, sockets, the server or the
client: whoever needs a renewal is handed one as a callable, and whoever verifies a certificate needs nothing but the
file ca.pem.
"""
