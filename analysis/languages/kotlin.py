"""Kotlin."""

from analysis.languages.adapter import Adapter

KOTLIN = Adapter("kotlin", (".kt", ".kts"))
