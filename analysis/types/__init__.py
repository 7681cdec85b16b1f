"""Type inference for Python: what names, expressions and functions are, and where that is known from.

It says `unknown` rather than guess, and reports no mistakes: that is a type checker's work (docs/types.md).
"""

from analysis.types.view import Typed, TypedName, TypedReturn, Types

__all__ = ["Typed", "TypedName", "TypedReturn", "Types"]
