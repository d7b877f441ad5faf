"""The benchmark: a real server on one core, members of a room on the others, and what it cost.

It knows the programs, the wire and /proc, and nothing of the server's insides: whatever takes the same arguments and
speaks the same protocol can be put in the server's place. Only the floor, which is no server of ours, borrows from it
what it stands on: TLS and the transport. Linux only, loopback only.
"""
