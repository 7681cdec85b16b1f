"""`hone router`: the one door to the deployed code model."""

import json
import sys

import typer

from hone.cli import router_explain, router_image, router_keys, router_usage
from hone.errors import RouterError
from hone.layout import find_layout
from hone.settings import load_settings, settings_path

app = typer.Typer(
    help="The one door to the deployed code model: serve, status, ask, explain, image, key, usage, top, feedback.",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(router_explain.app)


@app.command()
def serve() -> None:
    """Serves in the foreground until Ctrl-C, where `configs/hone.yaml` says. `hone up` does it in the background.

    Example: hone router serve
    """
    from hone.log import configure_logging
    from router import server, service
    from router.address import listen_shared
    from router.options import options_of

    layout = find_layout()
    settings = load_settings(layout)
    options = options_of(layout, settings)
    configure_logging()
    service.refuse_second_router(layout, settings)
    listening = listen_shared(options.host, options.port, settings_path(layout), options.workers)
    print(f"router: {settings.router_url}/v1 (Ctrl-C stops it)", file=sys.stderr)
    if code := server.serve(listening, options):
        raise typer.Exit(code)


@app.command()
def status(as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Says whether the router serves, and what. Exits with 1 where it does not.

    Example: hone router status --json
    """
    from router.client import read_health
    from router.health import project_digest

    layout = find_layout()
    url = load_settings(layout).router_url
    health = read_health(url, "/health/ready")
    if health is not None and health.project != project_digest(layout.root):
        way_out = f"set another `router.port` in `{settings_path(layout)}`"
        raise RouterError(f"`{url}` is the router of another checkout; {way_out}")
    if as_json:
        known = {"status": health.status, "model_version": health.model_version, "generation": health.generation,
                 "endpoint": health.endpoint, "pid": health.pid} if health else {"status": "stopped"}  # fmt: skip
        print(json.dumps({"url": url, **known}))
    elif health is None:
        print(f"no router serves at {url}; start it with `hone up`")
    elif not health.endpoint:
        print(f"{url}/v1 is up, but no deployment is serving; start one with `hone deploy champion`")
    else:
        where = f"{health.endpoint} (generation {health.generation}, process {health.pid})"
        print(f"{url}/v1 → {health.model_version} at {where}")
    if health is None:
        raise typer.Exit(1)


@app.command()
def ask(
    prompt: str = typer.Argument(help="What to complete."),
    max_tokens: int = typer.Option(128, min=1, help="The longest answer, in tokens."),
) -> None:
    """Sends one completion through the router and prints it, with the model version that answered.

    Example: hone router ask 'def double(values):'
    """
    from router.client import ask as ask_router

    settings = load_settings(find_layout())
    answer = ask_router(settings.router_url, prompt, max_tokens=max_tokens, timeout_s=settings.router.request_timeout_s)
    print(answer.text)
    print(f"{answer.model_version} answered in {answer.ms:.1f} ms (request {answer.request_id})", file=sys.stderr)


app.command()(router_image.image)
app.command()(router_usage.usage)
app.command()(router_usage.top)
app.add_typer(router_keys.app, name="key")
app.add_typer(router_usage.feedback, name="feedback")
