"""Linux calls that Python does not have, and the last steps before untrusted code runs.

Imports nothing that is not Python's own: it runs in the process that starts candidates, which has no packages.
"""

import ctypes
import os

NEW_MOUNT, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
KILL = 9  # SIGKILL; the signal module would bring an enumeration of them all
SET_PARENT_DEATH_SIGNAL, SET_DUMPABLE, SET_SECCOMP, DROP_BOUNDING, SET_NO_NEW_PRIVILEGES = 1, 4, 22, 24, 38
SECCOMP_FILTER = 2
CAPABILITIES_VERSION_3 = 0x20080522
BPF_INSTRUCTION_BYTES = 8

_libc = ctypes.CDLL(None, use_errno=True)
_prctl, _capset = _libc.prctl, _libc.capset
_HEADER, _NONE = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0), (ctypes.c_uint32 * 6)()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """New namespaces for this process, or for its children where `NEW_PID` is asked for."""
    _checked(_libc.unshare(flags), "unshare")


def children_in_own_namespace(own: int) -> None:
    """Takes back what `unshare(NEW_PID)` said of children; `own` is a pidfd of this process."""
    _checked(_libc.setns(own, NEW_PID), "setns")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    _checked(
        _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()),
        f"mount {source} on {target}",
    )


def bind_read_only(source: str, target: str) -> None:
    """Shows `source` at `target`; whatever else was forbidden there stays so."""
    mount(source, target, "", BIND | RECURSIVE)
    kept = os.statvfs(target).f_flag & (READ_ONLY | NO_SUID | NO_DEVICES | NO_EXEC)
    mount("", target, "", REMOUNT | BIND | READ_ONLY | NO_SUID | kept)


def pivot_into(folder: str) -> None:
    """Makes `folder`, a mount point, the root, and lets go of the old one."""
    os.chdir(folder)
    _checked(_libc.pivot_root(b".", b"."), f"pivot_root {folder}")  # the old root lies over the new one
    _checked(_libc.umount2(b".", DETACH), "umount of the old root")
    os.chdir("/")


def unmount(target: str) -> None:
    """umount2(2), which does not wait for those who still use it."""
    _checked(_libc.umount2(target.encode(), DETACH), f"umount {target}")


def die_with_parent() -> None:
    """SIGKILL for this process when the one that started it ends. A change of user clears it."""
    _checked(_prctl(SET_PARENT_DEATH_SIGNAL, KILL, 0, 0, 0), "prctl")


def gain_no_more() -> None:
    """No right beyond those held now can ever be had, here and in all that this process starts."""
    for capability in range(64):
        if _prctl(DROP_BOUNDING, capability, 0, 0, 0) != 0:
            break  # past the kernel's last one
    _checked(_prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")


def drop_capabilities() -> None:
    """Those held now."""
    _checked(_capset(_HEADER, _NONE), "capset")


def filter_calls(program: bytes) -> None:
    """Installs a seccomp filter, given as the instructions of its BPF program, in this process and all it starts."""
    instructions = _Program(len(program) // BPF_INSTRUCTION_BYTES, program)
    _checked(_prctl(SET_SECCOMP, SECCOMP_FILTER, ctypes.byref(instructions), 0, 0), "prctl")
