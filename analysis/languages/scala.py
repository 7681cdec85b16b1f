"""Scala."""

from analysis.languages.adapter import Adapter

SCALA = Adapter("scala", (".scala", ".sc"))
