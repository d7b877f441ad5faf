"""The benchmark: a real server on one core, members of a room on the others, and what it cost.

It knows the programs, the wire and /proc, and nothing of the server's insides: whatever takes the same arguments and
speaks the same protocol can be put in the server's place. Only the floor, which is no server of ours, borrows from it
what it stands on: TLS, the transport, and the pause between two fan-outs. Linux only, loopback only.

    what is measured     scenarios, goals; by whom: subjects (server, floor, inspircd)
    how                  talk, peak, growth, idleness, returning, passwords, morning, long_history, slow_reader,
                         instructions: each has `measure` and COLUMNS
    the load             processes that crowd starts: load, talkers, comeback, rush, joiners, pager, stalled; what they
                         are made of: members, tls, orders
    what it cost         process, occupancy, flush
    what comes of it     series (all runs), report, plot, progress
"""
