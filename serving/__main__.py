"""`python -m serving`: serves one weights folder until it is told to stop."""

import os
import sys

import uvloop

from hone.errors import HoneError
from hone.log import configure_logging
from serving.options import parse_options
from serving.server import run_server


def main() -> int:
    """Runs the server. A mistake of the caller's is one line and exit code 1."""
    options = parse_options(sys.argv[1:], os.environ)
    configure_logging()
    try:
        uvloop.run(run_server(options))
    except HoneError as error:
        sys.stderr.write(f"serving: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
