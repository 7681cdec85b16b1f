"""The router as a daemon of this project: started once, found again, stopped. Serves nothing itself."""

import sys
from pathlib import Path

from hone import daemon
from hone.errors import RouterError
from hone.files import sha256_tree
from hone.layout import Layout
from hone.settings import Settings, settings_path
from router.address import listen
from router.client import read_health
from router.health import project_digest

NAME = "router"
START_TIMEOUT_S = 20.0
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
    drain_s = settings.deployment.drain_timeout_s
    options = {
        "--root": str(layout.root),
        "--host": settings.router.host,
        "--port": str(settings.router.port),
        "--request-timeout-s": f"{settings.router.request_timeout_s:g}",
        "--drain-timeout-s": f"{drain_s:g}",
    }
    return daemon.DaemonSpec(
        argv=(sys.executable, "-m", "router", *(part for option in options.items() for part in option)),
        env={
            "HONE_LOG": "json",
            "HONE_ROUTER_SOURCE": sha256_tree(package, suffixes=(".py",)),  # new code, new spec: started anew
        },
        cwd=str(package.parent),  # where `-m router` finds the package
        url=settings.router_url,
        grace_s=drain_s + KILL_MARGIN_S,
    )
