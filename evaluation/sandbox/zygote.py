"""Starts candidates: a small process that has isolated itself once and forks each of them from there.

`python -I -S -B zygote.py FD`, with a socket to the trusted side at FD. It goes into namespaces of its own, makes a
root of read-only files, and then, for each order that comes, forks a candidate into a further process namespace with a
fresh `/tmp`. Where the candidate is called by assertions, these run beside it, in a process that goes on to the next
candidate's. It kills what is not done at the deadline. The verdict is not made here. Imports nothing that is not
Python's own, and little: all of its memory is copied, in time, for each candidate.
"""

import _socket
import array
import gc
import marshal
import os
import select
import struct
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kernel
import program

Setup = dict[str, Any]  # what the trusted side says of the slot

SETUP_BYTES = 1 << 20
ORDER = struct.Struct("<dBB")  # seconds on the clock; whether assertions call it; whether these get a new process
DONE = struct.Struct("<BBiddQ")  # which program, late, status, CPU-seconds of user and system, most KiB resident
CANDIDATE, CHECKS = 0, 1
MOST_FILES = 8  # that one message brings


def main() -> None:
    """Isolates itself, says so, and serves until the trusted side hangs up."""
    control = _socket.socket(fileno=above_programs(int(sys.argv[1])))
    message, (filter_fd, *cgroups) = receive(control, SETUP_BYTES)
    setup = marshal.loads(message)
    for_all, for_candidates = marshal.loads(os.pread(filter_fd, os.fstat(filter_fd).st_size, 0))
    os.close(filter_fd)
    isolate(control, setup)
    kernel.gain_no_more()
    kernel.filter_calls(for_all)
    zygote = Zygote(control, setup, for_candidates, cgroups)
    gc.disable()  # a collection would touch, and so copy, every page that a child shares
    gc.collect()
    gc.freeze()
    control.send(b"ready")
    while zygote.serve_one():
        pass


def above_programs(control: int) -> int:
    """The socket under a number above those that a program's own descriptors have; these are kept taken."""
    while os.dup(0) <= program.LINE:
        pass
    moved = os.dup(control)
    os.dup2(0, control)
    return moved


def receive(control: "_socket.socket", size: int) -> "tuple[bytes, list[int]]":
    """One message and the descriptors that came with it; nothing where the other side hung up."""
    numbers = array.array("i")
    message, ancillary, _, _ = control.recvmsg(size, _socket.CMSG_SPACE(MOST_FILES * numbers.itemsize))
    for _, _, data in ancillary:
        numbers.frombytes(data)
    return message, numbers.tolist()


def isolate(control: "_socket.socket", setup: Setup) -> None:
    """Namespaces, the root, and the user that everything from here on is; goes on in a child, the first in there.

    Raises OSError where the kernel refuses.
    """
    further = kernel.NEW_NET | kernel.NEW_IPC | kernel.NEW_UTS | kernel.NEW_CGROUP | kernel.NEW_PID
    if setup["root"]:  # the files are bound with root's rights, the rest is done without them
        kernel.unshare(kernel.NEW_MOUNT)
        make_root(setup)
        become(control, setup)
        kernel.unshare(kernel.NEW_MOUNT | further)
    else:
        become(control, setup)
        kernel.unshare(kernel.NEW_MOUNT | further)
        make_root(setup)
    mount_scratch(setup)
    _socket.sethostname("sandbox")
    child = os.fork()
    if child:
        control.close()
        os.waitpid(child, 0)
        os._exit(0)
    kernel.die_with_parent()


def become(control: "_socket.socket", setup: Setup) -> None:
    """Enters a user namespace with one user in it, whose map the trusted side writes."""
    kernel.unshare(kernel.NEW_USER)
    control.send(b"user")
    control.recv(16)
    uid, gid = setup["uid"], setup["gid"]
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def make_root(setup: Setup) -> None:
    """Python's library and the system's shared ones at the paths they have, read-only, on an empty root."""
    root = str(setup["folder"])
    kernel.mount("", "/", "", kernel.PRIVATE | kernel.RECURSIVE)
    kernel.mount("root", root, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "size=1m,mode=755")
    for source, inside in setup["readable"]:
        target = root + inside
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT, 0o444))
        kernel.bind_read_only(source, target)
    for hidden in setup["hidden"]:
        kernel.mount("hidden", root + hidden, "tmpfs", kernel.READ_ONLY, "size=4k,mode=755")
    os.mkdir(root + "/tmp", 0o700)
    kernel.pivot_into(root)
    kernel.mount("", "/", "", kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES)


def mount_scratch(setup: Setup) -> None:
    """An empty `/tmp`."""
    options = f"size={setup['scratch_bytes']},nr_inodes=4096,mode=700"
    kernel.mount("scratch", "/tmp", "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, options)


class Zygote:
    """One slot's process: starts a candidate for each order, and the process of checks where there is none."""

    def __init__(self, control: "_socket.socket", setup: Setup, calls: bytes, cgroups: "list[int]") -> None:
        self._control = control
        self._setup = setup
        self._calls = calls
        self._cgroups = cgroups
        self._own = os.pidfd_open(os.getpid())
        self._checks = 0  # the process of checks, or none
        self._bell = -1  # what it writes to when a check is done

    def serve_one(self) -> bool:
        """One order: starts what it asks for, waits until nothing of it is alive, says so. False at their end."""
        message, descriptors = receive(self._control, ORDER.size)
        if not message:
            return False
        timeout_s, checked, anew = ORDER.unpack(message)
        deadline = time.monotonic() + timeout_s
        untouched = os.stat("/tmp").st_ctime_ns
        if anew:
            self._start_checks(descriptors.pop())
        kernel.unshare(kernel.NEW_PID)  # the candidate is the first process of its namespace, and takes all in it along
        candidate = os.fork()
        if candidate == 0:
            self._enter()
            program.start(descriptors, self._setup["limits"], self._calls)
        kernel.children_in_own_namespace(self._own)
        for descriptor in descriptors:
            os.close(descriptor)
        watched = self._bell if checked else os.pidfd_open(candidate)
        late = not ready(watched, deadline)
        self._end(CANDIDATE, candidate, late=late)
        if not checked:
            os.close(watched)
        elif late or not os.read(self._bell, 1):  # an end of file: it died
            self._end_checks(late=late)
        if os.stat("/tmp").st_ctime_ns != untouched:
            kernel.unmount("/tmp")
            mount_scratch(self._setup)
        self._control.send(b"idle")
        return True

    def _enter(self) -> None:
        """In a new process: into the control groups, and never to outlive the zygote."""
        for cgroup in self._cgroups:
            os.write(cgroup, b"0")
        kernel.die_with_parent()

    def _start_checks(self, orders: int) -> None:
        if self._checks:  # it has said that it takes no more
            self._end_checks(late=False, told=False)
        self._bell, bell = os.pipe()
        self._checks = os.fork()
        if self._checks == 0:
            self._enter()
            program.start_checks(orders, bell, self._setup["limits"], self._calls)
        os.close(bell)
        os.close(orders)

    def _end_checks(self, *, late: bool, told: bool = True) -> None:
        """With all that the assertions may have started."""
        self._end(CHECKS, self._checks, late=late, told=told)
        os.close(self._bell)
        self._checks = 0
        end_all_others()

    def _end(self, which: int, process: int, *, late: bool, told: bool = True) -> None:
        os.kill(process, kernel.KILL)  # the kernel ends all others of its namespace before it can be waited for
        _, status, used = os.wait4(process, 0)
        if told:
            self._control.send(DONE.pack(which, late, status, used.ru_utime, used.ru_stime, used.ru_maxrss))


def ready(descriptor: int, deadline: float) -> bool:
    """Waits until it can be read; False where the deadline comes first."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def end_all_others() -> None:
    """Kills what assertions may have started. This is the first process of its namespace: everything else is theirs."""
    try:
        os.kill(-1, kernel.KILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return


if __name__ == "__main__":
    main()
