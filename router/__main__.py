"""`python -m router OPTIONS`: the router as a process, its options as JSON; `router.service` starts it."""

import sys

import structlog

from hone.errors import HoneError
from hone.log import configure_logging
from router.address import listen_shared
from router.options import read_options
from router.server import serve


def main() -> int:
    """Reads, listens, serves. Returns 1 where it cannot start."""
    configure_logging()
    try:
        options = read_options(sys.argv[1] if len(sys.argv) == 2 else "")
        settings_file = options.layout.root / "configs" / "hone.yaml"
        return serve(listen_shared(options.host, options.port, settings_file, options.workers), options)
    except HoneError as error:
        structlog.get_logger().error("the router cannot start", reason=str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
