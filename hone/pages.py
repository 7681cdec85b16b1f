"""HTML pages from templates, complete in themselves: nothing of what is put in can act on the page. Knows no page."""

from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render_page(template: Path, filters: Mapping[str, Callable[..., str]], **values: object) -> str:
    """The page as HTML. Everything that is put in is escaped; a name that nothing is put in for is an error."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template.name).render(values)
