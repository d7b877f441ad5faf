"""The crash proof: a real server killed again and again in the middle of its commits, and what became of every message.

It knows the programs, the wire, and the database file as SQLite shows it; of the server's insides only `broken_server`
knows, whose servers are broken on purpose. Linux only, loopback only.

A kill counts as having hit a commit in flight when the disk proves it: bytes of a transaction had reached the WAL, and
nobody had been told. Either the WAL ends in a torn transaction (frames of this round behind the last one that commits),
or the database, once SQLite has recovered it, holds messages of the last round that had reached no connection, neither
as an echo nor as a line to a reader. That is conservative. Whatever the server had handed to the kernel before it died
still arrives, and most connections only listen and read to their end. A transaction killed before its first frame leaves
no trace.
"""
