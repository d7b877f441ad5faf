import asyncio, signal
from tests.flush.test_disk_full import *
from tests.flush.test_flush_fails import fail_flushes
from tests.flush.conftest import *
def test_a(programs, small_disk):
    site = Site(programs, small_disk, 0)
    server = site.start()
    site.add_people("alice")
    server.signal(signal.SIGTERM); server.wait()
    print("FIRST", *server.err, sep="\n  |")
    server = site.start()
    server.signal(signal.SIGTERM); server.wait()
    print("SECOND", *server.err, sep="\n  |")
def test_b(programs, small_disk):
    for size in (MARK,0):
        small_disk.leave_free(size)
        server = programs.server(small_disk.mount / "data", under=small_disk.under)
        server.wait()
        print("FULL", *server.err, sep="\n  |")
def test_c(programs,tmp_path):
    f=fail_flushes(programs,tmp_path)
    print("FAIL", *f.err, sep="\n  |")
