"""Proves an isolation before it is trusted: a real candidate tries what must not work. And chooses the isolation."""

import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import structlog

from evaluation.sandbox.bubblewrap import open_bubblewrap
from evaluation.sandbox.interface import Candidate, Limits, Sandbox, Shown
from evaluation.sandbox.namespaces import Namespaces
from hone.errors import EvaluationError, IsolationUnavailable
from hone.records import TestCase

ENVIRONMENT = ("LC_CTYPE", "LD_LIBRARY_PATH", "PWD")  # what Python and bubblewrap set by themselves
Isolation = Literal["namespaces", "bubblewrap"]
log = structlog.get_logger()


def open_sandbox(
    limits: Limits,
    workers: int,
    *,
    readable: Sequence[Shown] = (),
    isolation: Isolation | None = None,
    search_path: str | None = None,
) -> Sandbox:
    """The strongest isolation that this machine allows, running `workers` candidates at a time, after it was proved.

    Namespaces of our own, or else bubblewrap, looked for on `search_path` (default PATH); evidence says which, and
    `isolation` asks for one of them. Close it when done. `readable` is shown inside beside Python. Raises
    `IsolationUnavailable` where there is none.
    """
    if isolation != "bubblewrap":
        try:
            return proved(Namespaces(limits, workers, readable=readable))
        except IsolationUnavailable as error:
            if isolation:
                raise
            log.warning("no namespaces of our own; trying bubblewrap", reason=str(error))
    return proved(open_bubblewrap(limits, workers, readable=readable, search_path=search_path))


PROBE = '''
import os, socket

def probe(port, path, folder, environment):
    """Everything that must not work, and what came of it."""
    found = []
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1)
        found.append("the network")
    except OSError:
        pass
    if os.path.exists(path) or os.path.exists("/etc/passwd") or os.path.isdir(folder):
        found.append("the files")
    if set(os.environ) - set(environment):
        found.append("the environment")
    try:
        os.setresuid(0, 0, 0)
        found.append("root")
    except OSError:
        pass
    try:
        open("/file", "w")
        found.append("a writable root")
    except OSError:
        pass
    return found
'''


def proved(sandbox: Sandbox) -> Sandbox:
    """The sandbox, after a candidate tried to get out. Raises `IsolationUnavailable` where it did, or could not run."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.NamedTemporaryFile() as file:
            arguments = (listener.getsockname()[1], file.name, str(Path(__file__).parent), list(ENVIRONMENT))
            tests = (TestCase(arguments=arguments, expected=[]),)
            outcome = sandbox.run(
                [Candidate(id="probe", source=PROBE, entry_point="probe", tests=tests)], on_done=lambda _: None
            )[0]
    except EvaluationError as error:
        sandbox.close()
        raise IsolationUnavailable(
            f"`{sandbox.isolation}` does not work here: {error}; in a container, start that with `--privileged`; where "
            "the kernel forbids user namespaces, allow them with "
            "`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        ) from error
    if outcome.status != "pass":
        sandbox.close()
        raise IsolationUnavailable(
            f"`{sandbox.isolation}` does not isolate on this machine ({outcome.status}: {outcome.detail}); untrusted "
            "code is refused"
        )
    return sandbox
