"""Java."""

from analysis.languages.adapter import Adapter
from analysis.languages.java_scopes import names

JAVA = Adapter("java", (".java",), names=names)
