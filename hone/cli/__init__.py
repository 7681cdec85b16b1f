"""The command line: `hone NOUN VERB`. Parses, calls, shows; decides nothing.

A noun's module is imported only when it is called or listed, and imports what is heavy inside its commands.
"""

import errno
import importlib
import io
import os
import sys
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from hone.errors import HoneError

# In the order in which a new user meets them. Each is a module of this package with a Typer `app`.
COMMANDS = (
    "run", "up", "down", "repro", "data", "train", "eval", "gate", "registry", "deploy", "router", "code", "why",
)  # fmt: skip

# What libraries would print between our own lines. What the user set in the environment wins.
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # transformers' too
    "TRANSFORMERS_VERBOSITY": "error",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class _LazyGroup(TyperGroup):
    """Finds a command by importing its module."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(importlib.import_module(f"hone.cli.{cmd_name}").app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_LazyGroup,
    help="Turns a team's own code into a code model that the team can trust in production.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Turns a team's own code into a code model that the team can trust in production.

    Start with `hone run`: data, training, evaluation, gate, registry, deployment and router, to a routed answer.
    """


def main() -> None:
    """The entry point: runs a command, and turns Hone's own errors into one clear line and exit code 1."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning)  # between libraries; nothing that a user can act on
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")  # of a terminal that does not know every sign
    try:
        try:
            app(prog_name="hone")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE) or os.environ.get("HONE_DEBUG"):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where what is left goes at the end
        if error.errno == errno.ENOSPC:  # else whoever read it has seen enough
            print("hone: there is no space left on the disk", file=sys.stderr)
        raise SystemExit(1) from None
    except HoneError as error:
        if os.environ.get("HONE_DEBUG"):
            raise
        if error.detail:
            print(error.detail.rstrip(), file=sys.stderr)
        print(f"hone: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("hone: stopped", file=sys.stderr)
        raise SystemExit(130) from None
