"""`python -m router OPTIONS`: the router as a process, its options as JSON; `router.service` starts it.

Without options, as in the router's image, the project's `configs/hone.yaml` says everything, but for the address where
`HONE_ROUTER_HOST` and `HONE_ROUTER_PORT` say it.
"""

import os
import sys

import msgspec
import structlog

from hone.errors import HoneError, RouterError
from hone.layout import find_layout
from hone.log import configure_logging
from hone.settings import load_settings
from router.address import listen_shared
from router.options import Options, options_of, read_options
from router.server import serve


def main() -> int:
    """Reads, listens, serves. Returns 1 where it cannot start."""
    configure_logging()
    try:
        options = read_options(sys.argv[1]) if len(sys.argv) == 2 else _by_project()
        settings_file = options.layout.root / "configs" / "hone.yaml"
        return serve(listen_shared(options.host, options.port, settings_file, options.workers), options)
    except HoneError as error:
        structlog.get_logger().error("the router cannot start", reason=str(error))
        return 1


def _by_project() -> Options:
    """The options that the project and the environment ask for. Raises `HoneError`."""
    layout = find_layout()
    options = options_of(layout, load_settings(layout))
    host = os.environ.get("HONE_ROUTER_HOST") or options.host
    port = os.environ.get("HONE_ROUTER_PORT") or str(options.port)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise RouterError(f"`HONE_ROUTER_PORT` is no port: `{port}`")
    return msgspec.structs.replace(options, host=host, port=int(port))


if __name__ == "__main__":
    sys.exit(main())
