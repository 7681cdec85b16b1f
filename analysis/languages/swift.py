"""Swift."""

from analysis.languages.adapter import Adapter

SWIFT = Adapter("swift", (".swift",))
