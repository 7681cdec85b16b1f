"""Where candidates run: on this machine, or on every node of a Ray cluster."""

import os
from typing import Literal

from evaluation.sandbox.cluster import open_cluster
from evaluation.sandbox.interface import Limits, Sandbox
from evaluation.sandbox.probe import open_sandbox

Engine = Literal["local", "ray"]


def open_engine(engine: Engine, limits: Limits, *, ray_address: str = "") -> Sandbox:
    """A proved sandbox with a slot for every CPU that there is. Raises as `open_sandbox` or `open_cluster`."""
    if engine == "ray":
        return open_cluster(limits, ray_address)
    return open_sandbox(limits, workers=os.cpu_count() or 1)
