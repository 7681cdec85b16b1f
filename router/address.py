"""The sockets that a router listens on; light enough for a command that only asks whether the port is free."""

import socket
from pathlib import Path

from hone.errors import RouterError

BACKLOG = 2048


def listen(host: str, port: int, settings_file: Path) -> socket.socket:
    """A listening socket. Raises `RouterError` naming the address, the settings file and its keys."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        way_out = f"stop what listens there, or set another `router.host` or `router.port` in `{settings_file}`"
        raise RouterError(f"the router cannot listen on `{host}:{port}`: {why}; {way_out}") from error


def listen_shared(host: str, port: int, settings_file: Path, workers: int) -> list[socket.socket]:
    """A socket for each worker; the kernel spreads connections over them. Raises `RouterError` as `listen`."""
    first = listen(host, port, settings_file)  # without sharing: somebody else's port is not shared by accident
    if workers == 1:
        return [first]
    first.close()
    return [socket.create_server((host, port), backlog=BACKLOG, reuse_port=True) for _ in range(workers)]
