"""The server's command line and environment. Standard library only, for the health check reads it too."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENV_PREFIX = "HONE_SERVE_"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Options:
    """How one server runs."""

    weights: Path
    model: str
    version: str
    host: str
    port: int
    threads: int
    queue: int
    max_body_bytes: int
    grace_s: float


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Each option from the command line or else from `HONE_SERVE_…`; a mistake ends the program with exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description="Serves one model version in OpenAI's protocol.",
        epilog=f"Each option can also be given in the environment: --max-body-bytes is {ENV_PREFIX}MAX_BODY_BYTES.",
    )

    def option(name: str, kind: type, meaning: str, default: object = None) -> None:
        given = environment.get(ENV_PREFIX + name.upper().replace("-", "_"), default)
        parser.add_argument(f"--{name}", type=kind, default=given, required=given is None, help=meaning)

    option("weights", Path, "the weights folder that `serving.convert` wrote")
    option("model", str, "the name that clients ask for")
    option("version", str, "the registered model's version; clients may ask for NAME:VERSION")
    option("host", str, "the address to listen on", DEFAULT_HOST)
    option("port", int, "the port to listen on", DEFAULT_PORT)
    option(
        "threads",
        int,
        "generations at a time, one thread each (default: the CPUs this process may use)",
        len(os.sched_getaffinity(0)),
    )
    option("queue", int, "requests that may wait for a thread; more are answered 429", 64)
    option("max-body-bytes", int, "requests that are larger are answered 413", 1 << 20)
    option("grace-s", float, "how long requests in flight may take after SIGTERM", 25.0)
    options = Options(**vars(parser.parse_args(arguments)))
    for name, value, least in (
        ("port", options.port, 1),
        ("threads", options.threads, 1),
        ("queue", options.queue, 0),
        ("max-body-bytes", options.max_body_bytes, 1),
        ("grace-s", options.grace_s, 0),
    ):
        if value < least:
            parser.error(
                f"--{name} ({ENV_PREFIX}{name.upper().replace('-', '_')}) must be at least {least}, not {value}"
            )
    return options
