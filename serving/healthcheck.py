"""`python -m serving.healthcheck`: exits 0 if this machine's server is ready, else 1. The image's HEALTHCHECK.

Reads `HONE_SERVE_HOST` and `HONE_SERVE_PORT`, as the server does. Standard library only, to start fast.
"""

import os
import socket
import sys

from serving.options import DEFAULT_HOST, DEFAULT_PORT, ENV_PREFIX

TIMEOUT_S = 3.0
ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - where a server may listen; asked over loopback


def is_ready(host: str, port: int) -> bool:
    """Whether `/health/ready` answers 200 in time."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def main() -> int:
    host = os.environ.get(ENV_PREFIX + "HOST", DEFAULT_HOST)
    port = int(os.environ.get(ENV_PREFIX + "PORT", DEFAULT_PORT))
    return 0 if is_ready(DEFAULT_HOST if host in ANY_ADDRESS else host, port) else 1


if __name__ == "__main__":
    sys.exit(main())
