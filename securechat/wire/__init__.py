"""IRCv3 as bytes and objects: what a line, a name, a capability or a SASL answer looks like.

Knows the grammar and its limits. Must not know sockets, clocks, threads, accounts, channels or who may do what:
nothing here does I/O or awaits, and everything is a plain function or a small object fed by its caller.
"""
