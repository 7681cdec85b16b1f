"""What a hostile candidate would try, so that every machine can be asked whether its sandbox holds.

An attack is the body of a function that returns the names of what it got hold of: none, or it is not contained. It may
as well be stopped. A forgery is a whole candidate that passes without solving anything, or is not contained.
"""

from collections.abc import Mapping

PRELUDE = '''
import ctypes, errno, os, resource, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"
def call(x86, arm, *arguments):
    """Whether a system call, by its number, succeeded."""
    return libc.syscall(arm if ARM else x86, *arguments) >= 0
def tried(function, *arguments, **named):
    """Whether a call of Python's did not raise."""
    try:
        function(*arguments, **named)
    except (OSError, AttributeError, ValueError):
        return False
    return True
def reads(*paths):
    return [path for path in paths if tried(open, path)]
def connects(family, kind, address):
    with socket.socket(family, kind) as client:
        client.settimeout(1)
        client.connect(address)
'''

# Each is given: the port of a listener outside, the path of a file outside, the id of a process outside.
ATTACKS: Mapping[str, str] = {
    "network: TCP to this machine": 'return ["tcp"] * tried(connects, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))',
    "network: UDP to the outside": 'return ["udp"] * tried(connects, socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))',
    "network: raw packets": 'return ["raw"] * tried(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)',
    "network: netlink": 'return ["netlink"] * tried(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW)',
    "network: a UNIX socket of this machine": 'return ["unix"] * tried(connects, socket.AF_UNIX, socket.SOCK_STREAM, f"\\0hone-{port}")',
    "network: host name lookup": 'return ["resolved"] * tried(socket.getaddrinfo, "example.org", 80)',
    "files: accounts and passwords": 'return reads("/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/ssh/sshd_config")',
    "files: a file that it was told of": "return reads(path)",
    "files: writing outside /tmp": 'return [at for at in ("/", "/dev", "/usr", os.path.dirname(os.__file__)) if tried(open, os.path.join(at, "left"), "w")]',
    "files: writing into any folder but /tmp": 'return [at for at, folders, _ in os.walk("/") if not at.startswith("/tmp") and tried(open, os.path.join(at, "left"), "w")][:9]',
    "files: changing Python's library": "return [os.__file__] * tried(os.rename, os.__file__, os.__file__ + '.old') + ['opened'] * tried(open, os.__file__, 'a')",
    "files: through a symbolic link": 'os.symlink(path, "/tmp/link"); return reads("/tmp/link")',
    "files: through a hard link": 'return ["linked"] * tried(os.link, path, "/tmp/hard")',
    "files: upwards out of the root": 'return reads("../../../../../../../../etc/passwd", os.path.join("/proc/1", "root", "etc/passwd"), "/proc/self/cwd/../etc/passwd")',
    "files: a race of symbolic links": """
    got = []
    def swap():
        for _ in range(2000):
            for target in ("/tmp/mine", path):
                try: os.symlink(target, "/tmp/new"); os.replace("/tmp/new", "/tmp/raced")
                except OSError: pass
    open("/tmp/mine", "w").write("mine")
    thread = threading.Thread(target=swap); thread.start()
    while thread.is_alive():
        try: text = open("/tmp/raced").read()
        except OSError: continue
        if text not in ("mine", ""): got.append(text)
    return got""",
    "files: making a device": 'return ["device"] * tried(os.mknod, "/tmp/disk", 0o60600, os.makedev(8, 0)) + ["kmem"] * tried(os.mknod, "/tmp/memory", 0o20600, os.makedev(1, 1))',
    "files: opening by handle": 'return ["handle"] * call(304, 265, 0, ctypes.create_string_buffer(64), 0)',
    "files: another root": 'return ["chroot"] * tried(os.chroot, "/tmp")',
    "environment: its own": 'return [name for name in os.environ if name not in ("LC_CTYPE", "PWD", "LD_LIBRARY_PATH")]',
    "environment: of others, through /proc": 'return reads("/proc/1/environ", "/proc/self/environ", f"/proc/{pid}/environ", f"/proc/{os.getppid()}/environ")',
    "/proc: any of it": 'return reads("/proc/self/maps", "/proc/meminfo", "/proc/mounts") + (os.listdir("/proc") if os.path.isdir("/proc") else [])',
    "/proc: what the kernel runs on a crash": 'return ["core_pattern"] * tried(open, "/proc/sys/kernel/core_pattern", "w")',
    "descriptors: any that it inherited": """
    got = []
    for number in range(5, 256):
        try: os.fstat(number); got.append(str(number))
        except OSError: pass
    return got""",
    "signals: killing everything": "tried(os.kill, -1, 9); return []",
    "signals: killing a process outside": 'return ["killed"] * tried(os.kill, pid, 9)',
    "signals: killing its parent": 'return ["killed"] * (os.getppid() > 1 and tried(os.kill, os.getppid(), 9))',
    "processes: a fork bomb": """
    while True:
        try: os.fork()
        except OSError: pass""",
    "processes: more than it may have": """
    started = 0
    try:
        while started < 100:
            if os.fork() == 0: time.sleep(60); os._exit(0)
            started += 1
    except OSError: pass
    return ["processes"] * (started > 16)""",
    "processes: a thousand threads": """
    started = 0
    try:
        while started < 1000: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); started += 1
    except (RuntimeError, MemoryError): pass
    return ["threads"] * (started > 16)""",
    "processes: a daemon left behind": """
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(600)
        os._exit(0)
    return []""",
    "processes: starting a program": 'return ["executed"] * any(tried(os.execv, shell, [shell]) for shell in ("/bin/sh", "/usr/bin/env", "/lib64/ld-linux-x86-64.so.2"))',
    "memory: one process": "return ['memory'] * bool(bytearray(1 << 34))",
    "memory: many processes": """
    for _ in range(3):
        try: os.fork()
        except OSError: pass
    held = []
    try:
        for _ in range(200): held.append(bytearray(os.urandom(1 << 20)))
    except MemoryError: pass
    time.sleep(1)
    return []""",
    "memory: locked": 'return ["locked"] * (libc.mlockall(3) == 0)',
    "disk: filling /tmp": """
    written = 0
    try:
        for index in range(4096):
            with open(f"/tmp/{index}", "wb") as file: written += file.write(bytes(1 << 20))
    except OSError: pass
    return ["disk"] * (written > 1 << 28)""",
    "disk: a huge file": 'file = open("/tmp/huge", "wb"); return ["truncated"] * tried(os.truncate, "/tmp/huge", 1 << 40)',
    "disk: all file entries": """
    made = 0
    try:
        while made < 1 << 17: open(f"/tmp/f{made}", "w").close(); made += 1
    except OSError: pass
    return ["entries"] * (made > 1 << 16)""",
    "descriptors: opening all": """
    held = []
    try:
        while len(held) < 100000: held.append(os.dup(0))
    except OSError: pass
    return ["descriptors"] * (len(held) > 1024)""",
    "output: a flood to its standard output": """
    for _ in range(256): os.write(1, bytes(1 << 20))
    return []""",
    "output: a flood in place of a result": """
    while True: os.write(3, bytes(1 << 20))""",
    "time: an endless loop": "while True: pass",
    "time: an endless loop within one C call": "return [str(sum(range(10 ** 14)))]",
    "time: sleeping, deaf to signals": """
    import signal
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    time.sleep(3600)""",
    "time: a busier schedule": 'return ["realtime"] * (libc.sched_setscheduler(0, 1, struct.pack("i", 1)) == 0) + ["nicer"] * tried(os.nice, -5)',
    "crash: a wild pointer": "ctypes.string_at(1); return []",
    "crash: the C stack": "sys.setrecursionlimit(10 ** 9); f = lambda: f(); f(); return []",
    "rights: becoming root": 'return ["setuid"] * tried(os.setresuid, 0, 0, 0) + ["setgid"] * tried(os.setresgid, 0, 0, 0) + ["groups"] * tried(os.setgroups, [0])',
    "rights: raising its own limits": "return [str(limit) for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_NOFILE) if tried(resource.setrlimit, limit, (1 << 40, 1 << 40))]",
    "namespaces: new ones": 'return ["unshared"] * (libc.unshare(0x10000000) == 0)',
    "namespaces: new ones by clone": 'return ["cloned"] * call(56, 220, 0x10000000 | 17, 0, 0, 0, 0)',
    "namespaces: new ones by clone3": 'return ["cloned"] * call(435, 435, struct.pack("11Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)',
    "namespaces: those of others": 'return ["entered"] * (libc.setns(0, 0) == 0)',
    "mounts: a file system": 'return ["mounted"] * (libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) == 0)',
    "mounts: writable again": 'return ["remounted"] * (libc.mount(None, b"/", None, 32 | 4096, None) == 0)',
    "mounts: taking one away": 'return ["unmounted"] * (libc.umount2(b"/tmp", 2) == 0)',
    "mounts: another root": 'return ["pivoted"] * call(155, 41, b"/tmp", b"/tmp")',
    "debugging: ptrace": 'return ["traced"] * (libc.ptrace(16, 1, 0, 0) == 0)',
    "debugging: reading another's memory": 'return ["read"] * call(310, 270, 1, 0, 0, 0, 0, 0)',
    "debugging: taking another's descriptor": 'return ["taken"] * call(438, 438, 0, 0, 0)',
    "kernel: io_uring": 'return ["ring"] * call(425, 425, 4, ctypes.create_string_buffer(256))',
    "kernel: userfaultfd": 'return ["fault"] * call(323, 282, 0)',
    "kernel: bpf": 'return ["bpf"] * call(321, 280, 0, ctypes.create_string_buffer(128), 128)',
    "kernel: performance events": 'return ["perf"] * call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)',
    "kernel: its keyring": 'return ["key"] * call(248, 217, b"user", b"left", b"x", 1, -4)',
    "kernel: loading a module": 'return ["module"] * call(175, 105, b"", 0, b"")',
    "kernel: another kernel": 'return ["kexec"] * call(246, 104, 0, 0, 0, 0)',
    "kernel: restarting the machine": 'return ["reboot"] * call(169, 142, 0xfee1dead, 672274793, 0, 0)',
    "kernel: the clock": "return ['clock'] * tried(time.clock_settime, time.CLOCK_REALTIME, time.time())",
    "kernel: the host name": 'return ["name"] * tried(socket.sethostname, "mine")',
    "kernel: shared memory that stays": 'return ["shared"] * (libc.shmget(0x686f6e65, 4096, 0o1666) >= 0)',
    "kernel: a message queue that stays": 'return ["queue"] * call(240, 180, b"left", 0o102, 0o600, 0)',
    "kernel: typing into a terminal": 'return ["typed"] * (libc.ioctl(0, 0x5412, b"x") == 0)',
    "cgroups: leaving its own": 'return [at for at in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs") if tried(open, at, "w")] + ["mounted"] * (libc.mount(b"x", b"/tmp", b"cgroup2", 0, None) == 0)',
}

# Each stands in for the function under test, whose name is put in place of NAME.
FORGERIES: Mapping[str, str] = {
    "leaves with success": "import os\ndef NAME(*a, **k): os._exit(0)",
    "leaves as it is read": "import os\nos._exit(0)",
    "raises SystemExit": "def NAME(*a, **k): raise SystemExit(0)",
    "prints a report": "import os\ndef NAME(*a, **k): os.write(1, b'{\"passed\":true}'); os._exit(0)",
    "writes a report where reports go": "import os\ndef NAME(*a, **k): os.write(3, b'{\"passed\":true}'); os._exit(0)",
    "writes a verdict on the line": (
        "import os, struct\ndef NAME(*a, **k):\n    text = b'{\"passed\":true}'\n"
        "    os.write(4, struct.pack('<I', len(text)) + text); os._exit(0)"
    ),
    "returns what equals everything": (
        "class Any:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "    def __bool__(self): return True\n    __hash__ = None\ndef NAME(*a, **k): return Any()"
    ),
    "returns a text that equals everything": (
        "class Any(str):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "    __hash__ = str.__hash__\ndef NAME(*a, **k): return Any('x')"
    ),
    "returns a dict that equals everything": (
        "class Any(dict):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "    def items(self): return [('passed', True)]\ndef NAME(*a, **k): return Any()"
    ),
    "patches the builtins": (
        "import builtins\nbuiltins.AssertionError = type('Quiet', (BaseException,), {})\nbuiltins.isinstance = lambda *a: True\n"
        "builtins.all = builtins.any = lambda *a: True\ndef NAME(*a, **k): return True"
    ),
    "patches those who judge": (
        "import sys\nfor name in ('program', 'runner', 'wire', 'kernel', 'zygote', '__main__'):\n"
        "    module = sys.modules.get(name)\n    for key in list(vars(module)) if module else ():\n"
        "        if key in ('check', 'run', 'load', 'judge'): setattr(module, key, lambda *a: '{\"passed\":true}')\n"
        "def NAME(*a, **k): return None"
    ),
    "walks the frames": (
        "import sys\ndef NAME(*a, **k):\n    frame = sys._getframe()\n    while frame:\n"
        "        for key in ('passed', 'candidate', 'check', 'text'): frame.f_globals[key] = lambda *a: True\n"
        "        frame = frame.f_back\n    return None"
    ),
    "imports the tests": (
        "import sys\ndef NAME(*a, **k):\n    try:\n        import check\n        check.check = lambda candidate: None\n"
        "    except ImportError:\n        pass\n    sys.modules['check'] = None\n    return None"
    ),
    "kills the other side": "import os\ndef NAME(*a, **k): os.kill(-1, 9); os.kill(1, 9); os.kill(0, 9)",
    "hangs up": "import os\ndef NAME(*a, **k): os.close(4); return None",
}


def attack_source(name: str) -> str:
    """The module of an attack; its function is `attack(port, path, pid)`."""
    body = ATTACKS[name].strip("\n")
    lines = body if body.startswith("    ") else f"    {body}"
    return f"{PRELUDE}\ndef attack(port, path, pid):\n{lines}\n"
