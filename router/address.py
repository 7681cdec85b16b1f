"""The socket that a router listens on; light enough for a command that only asks whether the port is free."""

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
