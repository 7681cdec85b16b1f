"""YAML files → frozen pydantic models, read once at the edge.

A wrong key or value fails at once and names the file, the line, the key and what would be allowed.
Does not read the environment: `hone.settings` does.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import pydantic
import yaml
from pydantic_core import ErrorDetails

from hone.errors import ConfigError

M = TypeVar("M", bound=pydantic.BaseModel)
Location = tuple[str | int, ...]


class Config(pydantic.BaseModel):
    """The base of every configuration model: frozen, unknown keys refused, no silent conversion of strings."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), use_attribute_docstrings=True
    )


class _LineLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader that refuses duplicate keys, and reads `3e-3` as a number as YAML 1.2 does.

    libyaml's where it is there: ten times as fast, which a catalog makes felt.
    """


_LineLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def load_config(path: Path, kind: type[M]) -> M:
    """Reads one YAML file as `kind`. Raises `ConfigError` with one line per mistake, `file:line: key: …`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"`{path}` cannot be read: {reason}") from error
    try:
        node = yaml.compose(text, Loader=_LineLoader)
        lines = _lines_of(path, node)
        values = yaml.load(text, Loader=_LineLoader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{at}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"`{path}` must hold a mapping of keys to values, not {type(values).__name__}")
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as error:
        problems = [_explain(path, lines, detail, kind) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(problems)) from error


def key_lines(path: Path) -> dict[Location, int]:
    """Each key's line in a file that `load_config` has read, for checks across files."""
    return _lines_of(path, yaml.compose(path.read_text(encoding="utf-8"), Loader=_LineLoader))


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(names) or 'none'}"


def _lines_of(path: Path, node: yaml.Node | None, at: Location = ()) -> dict[Location, int]:
    """Each key's 1-based line, by its path from the root."""
    lines: dict[Location, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            if here in lines:
                raise ConfigError(f"{path}:{key.start_mark.line + 1}: `{'.'.join(map(str, here))}` is given twice")
            lines[here] = key.start_mark.line + 1
            lines |= _lines_of(path, value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*at, index)
            lines[here] = value.start_mark.line + 1
            lines |= _lines_of(path, value, here)
    return lines


def _explain(path: Path, lines: dict[Location, int], detail: ErrorDetails, kind: type[pydantic.BaseModel]) -> str:
    """One mistake as one line."""
    # A tagged union puts its tag into the location: keep only what the file really has, and the last part.
    location = tuple(part for index, part in enumerate(detail["loc"]) if _in_file(detail["loc"], index, lines))
    key = ".".join(map(str, location))
    line = next((lines[location[:size]] for size in range(len(location), 0, -1) if location[:size] in lines), 1)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        allowed = sorted(_allowed_keys(kind, location[:-1]))
        close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"allowed: {', '.join(allowed)}"
        message = f"unknown key; {hint}"
    elif detail["type"] == "missing":
        message = "this key is required"
    elif detail["type"] in ("literal_error", "union_tag_invalid"):
        given = detail["input"] if detail["type"] == "literal_error" else detail["ctx"]["tag"]
        message = f"`{given}` is not allowed; {detail['msg']}"
    elif not isinstance(detail["input"], dict | list):
        message = f"{message} (got `{detail['input']}`)"
    return f"{path}:{line}: `{key}`: {message}" if key else f"{path}: {message}"


def _in_file(location: tuple[str | int, ...], index: int, lines: dict[Location, int]) -> bool:
    """Whether this part is a key or an index of the file, rather than the name of a union's branch."""
    if index == len(location) - 1:
        return True
    known = {part for place in lines for part in place}
    return location[index] in known


def _allowed_keys(kind: type[pydantic.BaseModel], location: Location) -> set[str]:
    """The keys that a model allows at this place, over all branches of unions."""
    places: list[Any] = [kind]
    for part in location:
        places = [inner for place in places for inner in _inside(place, part)]
    return {name for place in places for model in _models_in(place) for name in model.model_fields}


def _inside(annotation: Any, part: str | int) -> list[Any]:
    """The annotations of what stands below one key or index."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        field = annotation.model_fields.get(str(part))
        return [field.annotation] if field else []
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return [inner[1]]
    if origin in (list, tuple):
        return list(inner) if isinstance(part, int) else []
    return [found for branch in inner for found in _inside(branch, part)]


def _models_in(annotation: Any) -> list[Any]:
    """Every model class that stands somewhere in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
