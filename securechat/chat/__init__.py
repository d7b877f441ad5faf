"""The rules of the chat: events, streams, channels, policy, commands.

Knows wire messages and configuration. Must not know sockets, loops, threads, databases, clocks or randomness:
what it needs of them comes in through arguments and `ports`. It never awaits.

A command is judged on read-only state and answers with effects; whatever is worth keeping becomes a record of the
history, and state changes only by applying records (`Directory.apply_record`).
"""
