"""The files that make the server: what an image holds of Hone, and their digests. Imports none of them."""

from pathlib import Path

from hone.errors import DeploymentError
from hone.files import sha256_bytes, sha256_file

KERNEL = ("__init__.py", "errors.py", "files.py", "records.py", "log.py")  # of hone/, what the server may import
ROUTER_KERNEL = (*KERNEL, "config.py", "layout.py", "settings.py")  # of hone/, what the router may import in its image
CONVERTER = "convert.py"  # of serving/: needs torch, so it stays out of the image


def server_files(sources: Path) -> dict[str, Path]:
    """Path inside the image → file. Raises `DeploymentError` where `sources` holds no server."""
    files = {f"hone/{name}": sources / "hone" / name for name in KERNEL}
    for path in sorted((sources / "serving").rglob("*.py")):
        name = path.relative_to(sources).as_posix()
        if name != f"serving/{CONVERTER}":
            files[name] = path
    for path in (*files.values(), sources / "serving" / "__main__.py", lock_file(sources)):
        if not path.is_file():
            raise DeploymentError(f"`{sources}` holds no whole server: `{path}` is missing")
    return files


def router_files(sources: Path) -> dict[str, Path]:
    """Path inside the router's image → file. Raises `DeploymentError` where `sources` holds no router."""
    files = {f"hone/{name}": sources / "hone" / name for name in ROUTER_KERNEL}
    files |= {path.relative_to(sources).as_posix(): path for path in sorted((sources / "router").rglob("*.py"))}
    for path in (*files.values(), sources / "router" / "__main__.py", router_lock(sources)):
        if not path.is_file():
            raise DeploymentError(f"`{sources}` holds no whole router: `{path}` is missing")
    return files


def router_lock(sources: Path) -> Path:
    """The router's pinned dependencies, with hashes."""
    return sources / "router" / "requirements.lock"


def files_digest(files: dict[str, Path]) -> str:
    """Over names and bytes."""
    return sha256_bytes("".join(f"{name}\0{sha256_file(path)}\n" for name, path in files.items()).encode())


def server_digest(sources: Path) -> str:
    """Over the names and bytes of the server's files and of its dependencies' lock."""
    return files_digest({**server_files(sources), "requirements.lock": lock_file(sources)})


def lock_file(sources: Path) -> Path:
    """The server's pinned dependencies, with hashes."""
    return sources / "serving" / "requirements.lock"
