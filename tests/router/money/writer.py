"""A process that adds requests to a ledger and prints each, for tests that kill it. Run by `test_ledger`."""

import argparse
import json
import resource
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from router.money.database import Database
from router.money.ledger import Ledger
from tests.router.money.making import entry

FULL_BYTES = 100  # no file may grow beyond it


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("journal", type=Path)
    parser.add_argument("--name", default="w")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--then-wait", action="store_true")
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--memory-rows", type=int, default=100_000)
    told = parser.parse_args()
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    ledger = Ledger(Database(told.database), told.journal, memory_rows=told.memory_rows)
    ledger.start()
    if told.then_wait:
        say("started")
    if told.full_disk:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))
    for number in range(told.rows):
        if ending:
            break
        ledger.add(entry(id=f"{told.name}-{number}", at=time.time()))
        say(f"{told.name}-{number} {time.time()}")
        time.sleep(0.003)
    if told.full_disk:
        ledger.flush()
        waiting = ledger.waiting
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        ledger.close()
        said = {"waiting_when_full": waiting, "lost": ledger.lost, "waiting_at_the_end": ledger.waiting}
        say(json.dumps(said))
        return
    if told.then_wait:
        time.sleep(600)
    ledger.close()


main()
