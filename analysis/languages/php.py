"""PHP."""

from analysis.languages.adapter import Adapter

PHP = Adapter("php", (".php",))
