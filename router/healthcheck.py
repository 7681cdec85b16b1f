"""`python -m router.healthcheck`: exits 0 if the router in this container is alive, else 1. The image's HEALTHCHECK.

Asks where `HONE_ROUTER_PORT` says, over TLS where plain HTTP gets no answer. Standard library only, to start fast.
"""

import os
import socket
import ssl
import sys

TIMEOUT_S = 3.0
REQUEST = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def is_alive(port: int, *, tls: bool) -> bool:
    """Whether `/health/live` answers 200 in time."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            return _asks(_unverified().wrap_socket(connection) if tls else connection)
    except OSError:
        return False


def _asks(connection: socket.socket) -> bool:
    connection.sendall(REQUEST)
    return connection.recv(64).startswith(b"HTTP/1.1 200 ")


def _unverified() -> ssl.SSLContext:
    """The router's certificate is for its clients' name, not for loopback."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    asked = int(os.environ.get("HONE_ROUTER_PORT") or "8100")
    sys.exit(0 if is_alive(asked, tls=False) or is_alive(asked, tls=True) else 1)
