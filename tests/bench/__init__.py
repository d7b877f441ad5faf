"""The benchmark: a real server on one core, members of a room on the others, and what it cost.

It knows the programs, the wire and /proc, and nothing of the server's insides: whatever takes the same arguments and
speaks the same protocol can be put in the server's place. Linux only, loopback only.
"""
