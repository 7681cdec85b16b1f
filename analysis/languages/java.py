"""Java."""

from analysis.languages.adapter import Adapter

JAVA = Adapter("java", (".java",))
