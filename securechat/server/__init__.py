"""The asyncio shell: listeners, TLS transports, connections, the hub that fans records out, the control socket.

Knows the loop, sockets and `ssl`, and drives `chat` through its effects, `storage` through its port and `auth`. Must not
know `pki` or `client`: what it needs of them (renewing a certificate) is handed in by `cli`.
"""
