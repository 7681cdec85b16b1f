"""Rust."""

from analysis.languages.adapter import Adapter

RUST = Adapter("rust", (".rs",), attributes=frozenset(["attribute_item"]))
