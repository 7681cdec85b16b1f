"""Ray clusters on 127.0.0.1 for tests: a head without CPUs, and nodes that a test adds."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hone.cluster import ENVIRONMENT

STORE_BYTES = 100 << 20  # of objects, for each node
START_S = 120  # that a node may take on a busy machine
RAYS = {  # what tests do without, and time to start
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_gcs_server_port_wait_time_s": str(START_S),
    "RAY_raylet_start_wait_time_s": str(START_S),
}

Ray = Any  # a cluster of Ray's own testing tools


@contextmanager
def started_cluster() -> Iterator[Ray]:
    """A head. Everything of it ends with this process."""
    folder = tempfile.mkdtemp(prefix="ray-")  # short: sockets lie in it, and their paths are bounded
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        for name, value in {**ENVIRONMENT, **RAYS, "RAY_TMPDIR": folder}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        head = {**node_of(0), "include_log_monitor": False, "no_monitor": True}
        ray = Cluster(initialize_head=True, head_node_args=head)
        ray.wait_for_nodes(timeout=START_S)
        yield ray
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def with_two_nodes(ray: Ray, cpus: int) -> Ray:
    """Adds what is missing of two nodes."""
    while len(ray.worker_nodes) < 2:
        ray.add_node(**node_of(cpus))
    ray.wait_for_nodes(timeout=START_S)
    return ray


def node_of(cpus: int) -> dict[str, Any]:
    """How a node is started."""
    return {
        "wait": False,  # for half a minute at most
        "num_cpus": cpus,
        "node_ip_address": "127.0.0.1",
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
    }
