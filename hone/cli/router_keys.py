"""`hone router key`: virtual keys and their limits."""

import difflib
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, get_args

import typer

from hone.errors import RouterError
from hone.layout import find_layout
from hone.settings import load_settings, router_database

if TYPE_CHECKING:
    from router.money.database import Database
    from router.money.keys import Key

app = typer.Typer(help="Virtual keys: who may use the router, and how much.", no_args_is_help=True)

Limits = dict[str, int | float | None]
NO_LIMIT = "none"
PATIENCE_S = 10.0  # for a database that others write to


def _number(kind: type[int] | type[float], least: float) -> Callable[[str], Any]:
    """Reads a limit; `none` takes it away."""

    def read(said: str) -> Any:
        if said == NO_LIMIT:
            return NO_LIMIT
        with suppress(ValueError):
            value = kind(said)
            if least <= value < float("inf"):
                return value
        raise typer.BadParameter(f"`{said}` is no limit; take a number from {least:g}, or `{NO_LIMIT}`")

    return read


def _option(name: str, kind: type[int] | type[float], least: float, what: str) -> Any:
    return typer.Option(None, name, parser=_number(kind, least), metavar="N", help=what)


ROUTE = typer.Option(
    None, "--route", help="A route it may ask, as code-generation; again for more. Default: every one."
)
MODEL = typer.Option(None, "--model", help="MODEL, PROVIDER/MODEL or PROVIDER/*; again for more. Default: every one.")
RPM = _option("--rpm", int, 1, "Requests in any 60 s.")
TPM = _option("--tpm", int, 1, "Tokens in any 60 s, input and output.")
CONCURRENT = _option("--concurrent", int, 1, "Requests under way at once.")
DAY_USD = _option("--day-usd", float, 0, "Dollars a day, from 00:00 UTC; 0: only what is free.")
MONTH_USD = _option("--month-usd", float, 0, "Dollars a month, from the 1st, 00:00 UTC.")
AS_JSON = typer.Option(False, "--json", help="JSON.")


@app.command()
def create(
    name: str = typer.Argument(help="Who or what it is for."),
    *,
    route: list[str] = ROUTE,
    model: list[str] = MODEL,
    rpm: str = RPM,
    tpm: str = TPM,
    concurrent: str = CONCURRENT,
    day_usd: str = DAY_USD,
    month_usd: str = MONTH_USD,
) -> None:
    """Makes a key and shows its token, this once. A running router knows it within a second.

    Example: hone router key create ci --route code-generation --rpm 60 --day-usd 2.50
    """
    from router.money import stored_keys
    from router.money.keys import Key

    limits = _limits(rpm=rpm, tpm=tpm, concurrent=concurrent, day_usd=day_usd, month_usd=month_usd)
    wanted = Key(id="", name=name, routes=_routes(route), models=tuple(model or ()), **limits)  # type: ignore[arg-type]
    key, token = stored_keys.create(open_database(), wanted)
    print(token)
    print(f"key `{key.name}`: {_allowed(key)}", file=sys.stderr)
    print("this is shown once; send it as `Authorization: Bearer hone-…`", file=sys.stderr)


@app.command("list")
def list_keys(as_json: bool = AS_JSON) -> None:
    """Shows every key, revoked ones too.

    Example: hone router key list
    """
    from router.money import stored_keys

    keys = stored_keys.listed(open_database())
    if as_json:
        print(json.dumps([_record(key) for key in keys]))
        return
    if not keys:
        print(
            "there are no keys: whoever is on this machine may use the router; `hone router key create NAME` makes one"
        )
    for key in keys:
        print(f"{key.name:<20} {'revoked' if key.revoked_at else _allowed(key)}")


@app.command()
def show(name: str = typer.Argument(help="The key's name."), as_json: bool = AS_JSON) -> None:
    """Shows one key: what it may, and what it has spent.

    Example: hone router key show ci
    """
    from router.money import stored_keys
    from router.money.usage import spent_by

    database = open_database()
    key = stored_keys.named(database, name)
    day, month = spent_by(database, key.id, time.time())
    if as_json:
        print(json.dumps({**_record(key), "spent_day_usd": day, "spent_month_usd": month}))
        return
    print(f"{key.name} ({key.id}), made {_date(key.created_at)}")
    print(f"  {'revoked ' + _date(key.revoked_at) if key.revoked_at else _allowed(key)}")
    print(f"  spent today ${day:.4f}, this month ${month:.4f} (UTC)")


@app.command()
def revoke(name: str = typer.Argument(help="The key's name.")) -> None:
    """Makes a key invalid, for good. A running router knows it within a second.

    Example: hone router key revoke ci
    """
    from router.money import stored_keys

    key = stored_keys.revoke(open_database(), name)
    print(f"key `{key.name}` is revoked since {_date(key.revoked_at)}")


@app.command()
def limit(
    name: str = typer.Argument(help="The key's name."),
    *,
    route: list[str] = typer.Option(None, "--route", help="The routes it may ask from now on; `all`: every one."),
    model: list[str] = typer.Option(None, "--model", help="The models it may ask from now on; `all`: every one."),
    rpm: str = RPM,
    tpm: str = TPM,
    concurrent: str = CONCURRENT,
    day_usd: str = DAY_USD,
    month_usd: str = MONTH_USD,
) -> None:
    """Changes what is given, and nothing else; `none` takes a limit away. A running router knows it within a second.

    Example: hone router key limit ci --rpm 120 --day-usd none
    """
    import msgspec

    from router.money import stored_keys

    changes: dict[str, Any] = dict(
        _limits(rpm=rpm, tpm=tpm, concurrent=concurrent, day_usd=day_usd, month_usd=month_usd)
    )
    if route:
        changes["routes"] = () if route == ["all"] else _routes(route)
    if model:
        changes["models"] = () if model == ["all"] else tuple(model)
    if not changes:
        raise RouterError("nothing to change; give a limit, as `--rpm 60`, or `--route` or `--model`")
    key = stored_keys.change(open_database(), name, lambda key: msgspec.structs.replace(key, **changes))
    print(f"key `{key.name}`: {_allowed(key)}")


def open_database() -> "Database":
    from router.money.database import Database

    layout = find_layout()
    return Database(router_database(layout, load_settings(layout)), wait_s=PATIENCE_S)


def _limits(**given: Any) -> Limits:
    """Those limits that were given."""
    return {name: None if value == NO_LIMIT else value for name, value in given.items() if value is not None}


def _routes(given: list[str] | None) -> tuple[str, ...]:
    """The routes by their plain names. Raises `RouterError` where there is none of that name."""
    from router.kinds import Capability

    known = get_args(Capability)
    routes = tuple(dict.fromkeys(route.removeprefix("hone/") for route in given or ()))
    for route in routes:
        if route not in known:
            close = difflib.get_close_matches(route, known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}"
            raise RouterError(f"there is no route `{route}`; {hint}")
    return routes


def _allowed(key: "Key") -> str:
    """What a key may, in one line."""
    said = [
        f"routes {', '.join(key.routes)}" if key.routes else "every route",
        f"models {', '.join(key.models)}" if key.models else "",
        f"{key.rpm:,} requests/min" if key.rpm is not None else "",
        f"{key.tpm:,} tokens/min" if key.tpm is not None else "",
        f"{key.concurrent:,} at once" if key.concurrent is not None else "",
        f"${key.day_usd:g} a day" if key.day_usd is not None else "",
        f"${key.month_usd:g} a month" if key.month_usd is not None else "",
        "" if key.limited else "no limits",
    ]
    return ", ".join(part for part in said if part)


def _record(key: "Key") -> dict[str, Any]:
    import msgspec

    record: dict[str, Any] = msgspec.to_builtins(key)
    return record


def _date(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
