"""Stage `sources`: where the recipe's sources stand now → artifacts/sources.json.

DVC runs it every time: it watches files of the project alone, and would see no new commit, and no other benchmark.
"""

from data.reading import FETCHED
from data.standing import Standings, standings
from hone.errors import HoneError
from hone.layout import Layout
from hone.records import read_record, write_record
from pipelines.recipe import Recipe


def look_at_sources(layout: Layout, recipe: Recipe) -> Standings:
    """Finds each source and writes what was found. Raises `DataError` where one is not there."""
    found = _now(layout, recipe)
    write_record(layout.sources, found)
    return found


def sources_moved(layout: Layout, recipe: Recipe) -> bool:
    """Whether a source stands elsewhere than when that stage last ran. Raises `DataError` where one is not there."""
    try:
        before = read_record(layout.sources, Standings)
    except HoneError:
        return True
    return _now(layout, recipe) != before


def _now(layout: Layout, recipe: Recipe) -> Standings:
    return standings(recipe.data, layout.root, layout.curation / FETCHED)
