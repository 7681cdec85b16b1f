"""What code says of itself, in many languages: `parse(source, language)` gives a `Module`."""

from analysis.languages import LANGUAGES, language_of
from analysis.module import Module, parse

__all__ = ["LANGUAGES", "Module", "language_of", "parse"]
