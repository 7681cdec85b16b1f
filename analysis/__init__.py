"""What code says of itself, in many languages: `parse(source, language)` one file, `project(root)` a repository."""

from analysis.languages import LANGUAGES, language_of
from analysis.module import Module, parse
from analysis.repository import Project, project

__all__ = ["LANGUAGES", "Module", "Project", "language_of", "parse", "project"]
