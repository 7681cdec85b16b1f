"""`hone deploy …`: bring a version to traffic, take it back, and see where traffic goes."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from hone.layout import find_layout

if TYPE_CHECKING:
    from deployment.history import Event
    from deployment.rollout import Standing, Status
    from hone.records import Deployment
    from hone.settings import Settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Bring a model version to traffic, and take it back."
)

Force = Annotated[
    str | None,
    typer.Option(metavar="REASON", help="Deploy what the gate did not pass; the reason goes into the history."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record instead, for programs.")]


@app.command()
def champion(force: Force = None) -> None:
    """Deploy the version that carries the alias `champion`.

    Example: hone deploy champion
    """
    _deploy("champion", force)


@app.command()
def version(
    number: Annotated[str, typer.Argument(metavar="N", help="The registered version's number.")], force: Force = None
) -> None:
    """Deploy one registered version.

    Example: hone deploy version 3
    """
    _deploy(number, force)


def _deploy(selector: str, force: str | None) -> None:
    from hone.settings import load_settings
    from pipelines.deploy import deploy_version

    layout = find_layout()
    started = time.monotonic()
    deployment = deploy_version(layout, load_settings(layout), selector, force=force, progress=_progress)
    print(_one_line(deployment, f"in {time.monotonic() - started:.1f} s"))


@app.command()
def rollback(
    to: Annotated[str | None, typer.Option(metavar="VERSION", help="Any version that served before.")] = None,
) -> None:
    """Take traffic back to what served before; at once where that is still warm.

    Example: hone deploy rollback --to 2
    """
    from deployment.rollback import rollback as roll_back

    layout = find_layout()
    started = time.monotonic()

    def settings() -> "Settings":
        from hone.settings import load_settings

        return load_settings(layout)

    deployment = roll_back(layout, settings, to=to, progress=_progress)
    print(_one_line(deployment, f"after {(time.monotonic() - started) * 1000:.0f} ms"))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show where traffic goes, what is kept warm, and whether they answer. Exits with 1 where nothing serves.

    Example: hone deploy status --json
    """
    from deployment.rollout import status as read_status
    from hone.records import to_json

    found = read_status(find_layout())
    print(to_json(found).decode(), end="") if as_json else _show_status(found)
    if found.current is None or not found.current.ready:
        raise typer.Exit(1)


@app.command()
def history(
    as_json: AsJson = False,
    last: Annotated[int, typer.Option(metavar="N", min=1, help="How many events, the latest last.")] = 20,
) -> None:
    """Show who deployed what, when, and how it went. The history is append-only.

    Example: hone deploy history --last 50
    """
    from deployment.rollout import events
    from hone.records import to_json

    found = events(find_layout())[-last:]
    print(to_json(found).decode(), end="") if as_json else _show_events(found)


@app.command(name="base-image")
def base_image() -> None:
    """Make (or pull) the image that every deployment's image stands on. A deploy does it too where it is missing.

    Example: sudo hone deploy base-image
    """
    from deployment.base_image import ensure_base_image
    from deployment.engines.docker import connect
    from hone.settings import load_settings

    layout = find_layout()
    name = load_settings(layout).deployment.base_image
    print(f"{name} is ready: {ensure_base_image(connect(), name, layout, _progress)}")


@app.command()
def stop() -> None:
    """Take the endpoint away and stop every deployment, warm ones too. Requests in flight finish first.

    Example: hone deploy stop
    """
    from deployment.rollout import stop_all
    from hone.settings import load_settings

    layout = find_layout()
    count = stop_all(layout, load_settings(layout), progress=_progress)
    print(f"stopped {count} deployment{'s' if count != 1 else ''}" if count else "nothing was deployed")


def _progress(line: str) -> None:
    print(f"  {line}", flush=True)


def _one_line(deployment: "Deployment", when: str) -> str:
    return f"version {deployment.model_version} serves at {deployment.url} ({deployment.engine}), {when}"


def _show_status(found: "Status") -> None:
    if found.current is None:
        print("nothing is deployed; `hone deploy champion` deploys")
        return
    _show_standing("serves", found.current)
    for standing in found.warm:
        _show_standing("warm", standing)


def _show_standing(role: str, standing: "Standing") -> None:
    deployment = standing.deployment
    health = "ready" if standing.ready else "NOT READY"
    print(f"{role:7} {deployment.model_name} version {deployment.model_version}: {health} at {deployment.url}")
    print(f"        {deployment.engine} `{deployment.handle}`, {_ago(deployment.started_at)}")
    print(f"        adapter {deployment.adapter_digest}")
    if deployment.image_digest:
        print(f"        image   {deployment.image_digest} ({deployment.image_bytes / 1e6:.0f} MB)")


def _show_events(found: "list[Event]") -> None:
    if not found:
        print("nothing was ever deployed; `hone deploy champion` deploys")
    for event in found:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
        moved = f"{event.from_version or 'nothing'} → {'nothing' if event.kind == 'stopped' else event.to_version}"
        what = moved if event.generation else event.to_version
        print(f"{at}  {event.kind:11} {what:12} {event.deployment.engine:7} {event.actor}  {event.reason}".rstrip())


def _ago(at: float) -> str:
    seconds = max(0, int(time.time() - at))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"started {seconds // size} {unit} ago"
    return f"started {seconds} s ago"
