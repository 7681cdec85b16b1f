"""What `hone data why` prints: the way from an example back to its file's commit and lines."""

from typing import TYPE_CHECKING

from hone.cli.data_show import printable

if TYPE_CHECKING:
    from rich.text import Text

    from data.config import DataConfig
    from data.tracing import Trace
    from hone.layout import Layout

MOST_REMOVED = 5  # duplicates that are named
MOST_LINES = 60  # of a file that was asked for as a whole


def told(found: "Trace") -> "Text":
    """Everything but the lines, a fact a line."""
    from rich.text import Text

    return Text("\n").join(
        Text.assemble((f"{name:<12}", "bold"), printable(value)) for name, value in _facts(found) if value
    )


def lines(found: "Trace", config: "DataConfig", layout: "Layout") -> "Text":
    """The lines of an example, or the first ones of a file, with their numbers; or why they cannot be shown."""
    from rich.text import Text

    from data.reading import FETCHED, place_of
    from data.sources import FileSource
    from data.tracing import lines_of
    from hone.errors import HoneError

    assert found.file
    same = [one for one in config.sources if isinstance(one, FileSource) and place_of(one) == found.use.place]
    if not same:
        return Text(f"the lines are not shown: no source of the recipe is `{found.use.place}`; see `--recipe`", "dim")
    try:
        all_lines = lines_of(same[0], found.file, layout.root, layout.curation / FETCHED)
    except HoneError as error:
        return Text(f"the lines are not shown: {error}", "dim")
    origin = found.example.origin if found.example else None
    first, last = (origin.first_line, origin.last_line) if origin and origin.first_line else (1, MOST_LINES)
    return Text("\n").join(
        Text.assemble((f"{number:6} ", "dim"), printable(line))
        for number, line in enumerate(all_lines[first - 1 : last], start=first)
    )


def _facts(found: "Trace") -> list[tuple[str, str]]:
    example, file, use = found.example, found.file, found.use
    facts: list[tuple[str, str]] = []
    if example:
        facts += [("example", example.id), ("task", example.task), ("split", found.side)]
    facts.append(("source", f"{use.name} ({use.kind}{f' {use.place}' if use.place else ''})"))
    if file is None:
        return [*facts, ("", "made by data/generated.py")]
    place = file.path
    if example and example.origin.first_line:
        place += f":{example.origin.first_line}-{example.origin.last_line}"
    removed = list(found.removed[:MOST_REMOVED])
    if len(found.removed) > MOST_REMOVED:
        removed.append(f"and {len(found.removed) - MOST_REMOVED:,} more")
    return [
        *facts,
        ("repository", file.repository if file.repository != use.name else ""),
        ("commit", file.commit),
        ("file", place),
        ("language", file.language),
        ("licence", file.licence or "unknown"),
        ("content", ", ".join(filter(None, (file.digest, f"{file.size:,} bytes" if file.size else "")))),
        ("decided", f"kept, {file.side}" if not file.filter else f"left out by `{file.filter}`: {file.why}"),
        ("duplicates", ", ".join(removed)),
    ]
