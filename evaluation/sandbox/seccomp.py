"""Which system calls a candidate may make, as BPF programs that libseccomp has compiled for this machine.

What is not listed is refused with EPERM, as if by lack of rights. Some calls end the process at once instead: no honest
answer to a programming task needs them, and the outcome says so. There are two filters, since installing a long one
costs as much as a fork: the zygote takes the long one once, and each candidate adds a short one for what zygotes need.
With bubblewrap there are two, since the first must let Python be started and the second need not.
"""

import ctypes
import errno
import os
import tempfile
from collections.abc import Callable
from functools import cache, partial
from typing import Protocol

from hone.errors import IsolationUnavailable

INSTALL = "sudo apt-get install --yes libseccomp2"
ALLOW, REFUSE, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
MASKED_EQUAL, EQUAL = 7, 4
NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW… flag

ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev lseek close close_range dup dup2 dup3 pipe pipe2 fcntl fcntl64
open openat creat stat fstat lstat newfstatat fstatat64 statx access faccessat faccessat2 readlink readlinkat getdents
getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink
symlinkat chmod fchmod fchmodat utime utimes utimensat truncate ftruncate fallocate fsync fdatasync flock umask statfs
fstatfs sendfile copy_file_range mmap mmap2 munmap mremap mprotect madvise brk msync futex futex_waitv set_robust_list
get_robust_list rseq sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max
sched_get_priority_min nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getitimer
setitimer alarm pause timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create
timerfd_settime timerfd_gettime eventfd eventfd2 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
epoll_pwait2 poll ppoll select pselect6 rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigpending
rt_sigtimedwait sigaltstack kill tkill tgkill getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid
getresgid getpgid getpgrp getsid setsid setpgid getpriority getrlimit setrlimit prlimit64 getrusage sysinfo uname
getrandom exit exit_group wait4 waitid fork vfork arch_prctl set_tid_address restart_syscall getcpu membarrier
socketpair sendto recvfrom sendmsg recvmsg shutdown getsockname getpeername getsockopt setsockopt
"""

FATAL = """
ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd io_uring_setup io_uring_enter io_uring_register
userfaultfd keyctl add_key request_key bpf perf_event_open pivot_root chroot move_mount
fsopen fsmount fsconfig fspick open_tree mount_setattr init_module finit_module delete_module kexec_load kexec_file_load
reboot swapon swapoff open_by_handle_at name_to_handle_at iopl ioperm quotactl acct settimeofday clock_settime
clock_adjtime adjtimex fanotify_init lookup_dcookie syslog vhangup sethostname setdomainname
"""

OF_ZYGOTES = "unshare setns mount umount2"  # fatal for candidates too
REFUSED_TO_CANDIDATES = "prctl seccomp capset pidfd_open"
OF_BUBBLEWRAP = "execve setgroups setresgid setresuid"  # starts Python, and becomes the user that it stays
TERMINAL_QUESTIONS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@cache
def compiled_filters() -> tuple[bytes, bytes]:
    """The BPF instructions of the zygote's filter, and of what a candidate adds to it.

    Raises `IsolationUnavailable` where libseccomp is missing.
    """
    return _compiled(_fill_long, REFUSE | errno.EPERM), _compiled(_fill_short, ALLOW)


@cache
def filters_with_bubblewrap() -> tuple[bytes, bytes]:
    """The same for bubblewrap, which installs the first before it starts Python.

    Raises `IsolationUnavailable` where libseccomp is missing.
    """
    return _compiled(_fill_for_bubblewrap, REFUSE | errno.EPERM), _compiled(_fill_after_bubblewrap, ALLOW)


def _fill_long(rule: "_Rule") -> None:
    _fill(rule, allowed=f"{ALLOWED} {OF_ZYGOTES} {REFUSED_TO_CANDIDATES}", fatal=FATAL)


def _fill_for_bubblewrap(rule: "_Rule") -> None:
    _fill(rule, allowed=f"{ALLOWED} {OF_BUBBLEWRAP} {REFUSED_TO_CANDIDATES}", fatal=f"{FATAL} {OF_ZYGOTES}")


def _fill_after_bubblewrap(rule: "_Rule") -> None:
    for name in f"{OF_BUBBLEWRAP} {REFUSED_TO_CANDIDATES}".split():
        rule(REFUSE | errno.EPERM, name)


def _fill(rule: "_Rule", *, allowed: str, fatal: str) -> None:
    for name in allowed.split():
        rule(ALLOW, name)
    for name in fatal.split():
        rule(KILL_PROCESS, name)
    for question in TERMINAL_QUESTIONS:
        rule(ALLOW, "ioctl", _Comparison(1, EQUAL, question, 0))
    rule(ALLOW, "clone", _Comparison(0, MASKED_EQUAL, NEW_NAMESPACES, 0))
    rule(REFUSE | errno.ENOSYS, "clone3")  # its flags lie in memory, which no filter can read; libc then takes clone


def _fill_short(rule: "_Rule") -> None:
    for name in OF_ZYGOTES.split():
        rule(KILL_PROCESS, name)
    for name in REFUSED_TO_CANDIDATES.split():
        rule(REFUSE | errno.EPERM, name)


class _Rule(Protocol):
    def __call__(self, action: int, name: str, comparison: _Comparison | None = None) -> None:
        """Adds one rule to a filter."""


def _compiled(fill: Callable[[_Rule], None], otherwise: int) -> bytes:
    library = _library()
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))
    try:
        fill(partial(_rule, library, context))
        with tempfile.TemporaryFile() as file:
            _checked(library.seccomp_export_bpf(context, file.fileno()), "seccomp_export_bpf")
            return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    finally:
        library.seccomp_release(context)


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError as error:
        raise IsolationUnavailable(
            f"libseccomp was not found, and untrusted code runs only filtered; install it with `{INSTALL}`"
        ) from error
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def _rule(
    library: ctypes.CDLL, context: ctypes.c_void_p, action: int, name: str, comparison: _Comparison | None = None
) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:  # this machine's architecture, or an older libseccomp, does not have it: it stays refused
        return
    comparisons = (_Comparison * 1)(*([comparison] if comparison else []))
    _checked(
        library.seccomp_rule_add_array(
            context, ctypes.c_uint32(action), number, 1 if comparison else 0, comparisons if comparison else None
        ),
        f"rule for {name}",
    )


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise IsolationUnavailable(f"libseccomp could not make the filter: {what}: {os.strerror(-result)}")
