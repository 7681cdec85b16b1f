"""Finds a Ray cluster and joins it as a program that uses it. Starts none."""

import os
import signal
import socket
import threading

from hone.errors import ClusterUnavailable, ConfigError

CONNECT_S = 5.0
MESSAGE_CHARACTERS = 500  # of what Ray says
INSTALL = "pip install -c constraints.txt -e '.[ray]'"
ENVIRONMENT = {  # of Ray, which reads it when it is imported; what the user set wins
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # 127.0.0.1 is meant, not this machine's address in some network
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # no reports of Ray's between our own lines, which say what was lost
}


def connect(address: str) -> str:
    """Joins the cluster and returns where its head is, as HOST:PORT. `ray.shutdown` leaves it.

    `address` is HOST:PORT, or `auto` for the cluster that this machine is a node of; by default what `RAY_ADDRESS`
    says, or else `auto`. Raises `ConfigError` for what is no address, `ClusterUnavailable` where no cluster is there.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ClusterUnavailable(
            f"Ray is not installed here; install it with `{INSTALL}`, or run without it"
        ) from error
    where = find_address(address)
    if not answers(where):
        raise ClusterUnavailable(f"no Ray cluster answers at `{where}`; start one there with `ray start --head`")
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "auto", log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        why = _one_line(str(error.__cause__ or error))
        raise ClusterUnavailable(
            f"the Ray cluster at `{where}` cannot be used from here ({why}); this machine must be a node of it, with "
            f"its token where it has one: `ray start --address={where}`"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)  # Ray's own prints a stack of machine code
    return where


def find_address(address: str) -> str:
    """HOST:PORT of the head. Raises as `connect`."""
    from ray._private.services import canonicalize_bootstrap_address

    asked = address if address not in ("", "auto") else os.environ.get("RAY_ADDRESS") or "auto"
    if asked == "auto":
        try:
            return str(canonicalize_bootstrap_address("auto"))
        except ConnectionError as error:
            raise ClusterUnavailable(
                "no Ray cluster runs on this machine; start one with `ray start --head`, join one with `ray start "
                "--address=HOST:PORT`, or name it by `RAY_ADDRESS`"
            ) from error
    host, _, port = asked.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigError(
            f"`{asked}` is no address of a Ray cluster; give HOST:PORT as `ray start` shows it, or `auto`"
        )
    return asked


def answers(where: str) -> bool:
    """Whether anything listens there. Ray itself would try for minutes."""
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError:
        return False
    return True


def _one_line(text: str) -> str:
    return " ".join(text[:MESSAGE_CHARACTERS].split())
