"""A switch of deployments under load: how many requests it loses, and how soon the other version answers.

Needs a router with a deployment behind it, and a command that moves traffic to another version.

    python -m bench.rollout http://127.0.0.1:8100 'hone deploy rollback'
"""

import argparse
import json
import subprocess
import sys

from bench.load import JsonObject, LoadReport, describe, run_load


def measure_rollout(
    url: str, command: list[str] | str, *, body: JsonObject, clients: int = 8, requests: int = 2000
) -> LoadReport:
    """Runs the command (a list, or one shell line) under load. Raises `CalledProcessError` where it fails."""

    def switch() -> None:
        subprocess.run(command, shell=isinstance(command, str), check=True, capture_output=True)

    return run_load(url, clients, requests, body, switch, awaits_switch=True)


def main() -> int:
    """Prints the report; exits with 1 where a request was lost or no other version answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the router's address, without /v1")
    parser.add_argument("command", help="a shell line that moves traffic, such as 'hone deploy rollback'")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument(
        "--body", type=json.loads, default={"model": "hone-code", "prompt": "def f():", "max_tokens": 16}
    )
    given = parser.parse_args()
    try:
        report = measure_rollout(
            given.url, given.command, body=given.body, clients=given.clients, requests=given.requests
        )
    except subprocess.CalledProcessError as error:
        print(f"`{given.command}` failed with {error.returncode}: {error.stderr.decode().strip()}", file=sys.stderr)
        return 1
    print(describe(report))
    return 0 if report.lost == 0 and report.switch_ms is not None else 1


if __name__ == "__main__":
    sys.exit(main())
