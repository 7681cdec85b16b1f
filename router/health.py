"""What a router says of itself. The router writes it, `router.client` reads it."""

from pathlib import Path

from hone.files import sha256_bytes
from hone.records import Record

SERVICE = "hone-router"


class RouterHealth(Record, frozen=True):
    """The answer of `/health/live` and `/health/ready`."""

    service: str  # SERVICE: tells a router from any other program on the port
    project: str  # `project_digest`: tells it from the router of another checkout
    pid: int
    status: str  # "live", "ready" or "no deployment"
    model_version: str = ""  # name:version
    generation: int = 0
    endpoint: str = ""  # the deployment's url
    problem: str = ""  # why a changed file in configs/ is not in force


def project_digest(root: Path) -> str:
    """Names a checkout without telling its path."""
    return sha256_bytes(str(root.resolve()).encode())
