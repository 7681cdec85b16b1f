"""`python -m router --root PROJECT --host HOST --port PORT …`: the router as a process; `router.service` starts it."""

import argparse
import sys
from pathlib import Path

import structlog

from hone.errors import RouterError
from hone.layout import Layout
from hone.log import configure_logging
from router.address import listen
from router.health import project_digest
from router.server import serve


def main() -> int:
    """Parses, listens, serves. Returns 1 where the port cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m router")
    parser.add_argument("--root", type=Path, required=True, help="the project, which holds dvc.yaml")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--request-timeout-s", type=float, required=True)
    parser.add_argument("--drain-timeout-s", type=float, required=True)
    given = parser.parse_args()
    configure_logging()
    layout = Layout(root=given.root, artifacts=given.root / "artifacts")
    try:
        listening = listen(given.host, given.port, given.root / "configs" / "hone.yaml")
    except RouterError as error:
        structlog.get_logger().error("the router cannot start", reason=str(error))
        return 1
    serve(
        listening,
        layout.endpoint,
        project=project_digest(layout.root),
        request_timeout_s=given.request_timeout_s,
        drain_timeout_s=given.drain_timeout_s,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
