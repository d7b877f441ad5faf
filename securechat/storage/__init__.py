"""The durable, ordered history behind `chat.ports`: in memory, and in SQLite.

Knows the rules' events, records and ports, and how to keep them: what was judged on an old epoch is refused, order is
given inside the transaction, and nothing is handed out before its commit returned. Must not know sessions, commands,
sockets or who may do what: reading is judged by `chat.policy` alone.
"""
