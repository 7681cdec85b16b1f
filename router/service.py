"""The router as a daemon of this project: started once, found again, stopped. Serves nothing itself."""

import os
import sys
from pathlib import Path

import yaml

from hone import daemon
from hone.errors import RouterError
from hone.files import sha256_bytes, sha256_tree
from hone.layout import Layout
from hone.settings import Settings, settings_path
from router.address import listen
from router.client import read_health
from router.health import project_digest
from router.options import options_of, write_options

NAME = "router"
START_TIMEOUT_S = 20.0
OWN_VARIABLES = (
    "HONE_ROUTER_DATABASE", "HONE_ROUTER_REDIS", "HONE_ROUTER_MASTER_KEY", "HONE_ROUTER_MASTER_KEY_FILE",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HONE_LOG_LEVEL",
)  # fmt: skip
KILL_MARGIN_S = 5.0  # after the drain time, before the supervisor kills


def ensure_router(layout: Layout, settings: Settings) -> str:
    """Returns the URL of this project's router, started as the daemon `router` if it does not serve yet.

    A router whose address, timeouts or source have changed since is started anew. Raises `RouterError` where
    another program has the port, `DaemonError` with the log's end where the router does not come up.
    """
    spec = _spec(layout, settings)
    running = daemon.read_spec(layout, NAME) if daemon.alive(layout, NAME) else None
    if running == spec and serves(layout, settings):
        return spec.url
    if running is None and serves(layout, settings):  # in the foreground: `hone router serve`
        return spec.url
    if running is None or running.url != spec.url:
        listen(settings.router.host, settings.router.port, settings_path(layout)).close()
    daemon.start(layout, NAME, spec, ready=lambda: serves(layout, settings), timeout_s=START_TIMEOUT_S)
    return spec.url


def stop_router(layout: Layout) -> bool:
    """Ends the daemon after the requests under way. Returns whether it was running."""
    return daemon.stop(layout, NAME)


def serves(layout: Layout, settings: Settings) -> bool:
    """Whether this very project's router answers at its address."""
    health = read_health(settings.router_url)
    return health is not None and health.project == project_digest(layout.root)


def refuse_second_router(layout: Layout, settings: Settings) -> None:
    """Raises `RouterError` where this project's router serves already."""
    if serves(layout, settings):
        raise RouterError(f"this project's router serves already at `{settings.router_url}`; stop it with `hone down`")


def _spec(layout: Layout, settings: Settings) -> daemon.DaemonSpec:
    package = Path(__file__).parent
    options = options_of(layout, settings)
    inherited = inherited_names(layout.root / "configs" / "providers.yaml")
    return daemon.DaemonSpec(
        argv=(sys.executable, "-m", "router", write_options(options)),
        env={
            "HONE_LOG": "json",
            "HONE_ROUTER_SOURCE": sha256_tree(package, suffixes=(".py",)),  # new code, new spec: started anew
            "HONE_ROUTER_INHERITED": _digest_of(inherited),  # a new key in the environment, too
        },
        cwd=str(package.parent),  # where `-m router` finds the package
        url=settings.router_url,
        grace_s=options.drain_timeout_s + KILL_MARGIN_S,
        inherits=inherited,
    )


def inherited_names(providers: Path) -> tuple[str, ...]:
    """The environment variables that the router needs of whoever starts it: its own, and those that providers name."""
    try:
        read = yaml.safe_load(providers.read_text(encoding="utf-8"))
        entries = read["providers"].values()
        named = {entry[key] for entry in entries for key in ("api_key_env", "url_env") if entry.get(key)}
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        named = set()  # the router itself says what is wrong with the file
    return (*OWN_VARIABLES, *sorted(name for name in named if isinstance(name, str)))


def _digest_of(names: tuple[str, ...]) -> str:
    """Changes with any of the values, and tells none of them."""
    values = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return sha256_bytes("\0".join(values).encode()) if values else ""
