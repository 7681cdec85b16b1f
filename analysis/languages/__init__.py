"""The languages that analysis knows by name: one adapter and one query for each (docs/languages.md)."""

from analysis.languages.adapter import Adapter
from analysis.languages.c import C
from analysis.languages.cpp import CPP
from analysis.languages.csharp import CSHARP
from analysis.languages.go import GO
from analysis.languages.java import JAVA
from analysis.languages.javascript import JAVASCRIPT
from analysis.languages.kotlin import KOTLIN
from analysis.languages.php import PHP
from analysis.languages.python import PYTHON
from analysis.languages.ruby import RUBY
from analysis.languages.rust import RUST
from analysis.languages.scala import SCALA
from analysis.languages.swift import SWIFT
from analysis.languages.typescript import TSX, TYPESCRIPT

LANGUAGES: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        PYTHON, JAVASCRIPT, TYPESCRIPT, TSX, JAVA, GO, RUST, C, CPP, CSHARP, RUBY, PHP, KOTLIN, SWIFT, SCALA,
    )
}  # fmt: skip
BY_EXTENSION = {extension: name for name, adapter in LANGUAGES.items() for extension in adapter.extensions}


def language_of(file_name: str) -> str | None:
    """The language of a file by its name; None where that says nothing."""
    return BY_EXTENSION.get(ending_of(file_name))


def ending_of(file_name: str) -> str:
    """In small letters, with its dot; empty where there is none."""
    return "." + file_name.rpartition(".")[2].lower() if "." in file_name else ""
