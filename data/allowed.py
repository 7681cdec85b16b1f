"""Which licences may be trained on: SPDX expressions against the recipe's list."""

import re
from collections.abc import Collection

from hone.config import Config

PERMISSIVE = (
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-0",
    "PSF-2.0", "Python-2.0", "Unlicense", "Zlib",
)  # fmt: skip
_PARTS = re.compile(r"[()]|[A-Za-z0-9.+:-]+")


class LicenceConfig(Config):
    """What may be trained on."""

    allow: tuple[str, ...] = PERMISSIVE
    """SPDX identifiers. Of an expression, AND asks for all of its parts and OR for one."""
    unknown: bool = False
    """Whether to take files of which nothing says a licence. For your own code, say it: `licence` of the source."""

    def allows(self, expression: str, *, stated: str | None) -> bool:
        """Whether files under this expression may be taken. What the recipe states of their source is allowed."""
        if stated and expression == stated:
            return True
        return is_allowed(expression, (*self.allow, *([stated] if stated else [])), unknown=self.unknown)


def is_allowed(expression: str, allow: Collection[str], *, unknown: bool) -> bool:
    """Whether an SPDX expression (annex D of its specification) asks for nothing but what is allowed.

    An exception behind WITH only adds rights. What is no expression is not allowed.
    """
    if not expression.strip():
        return unknown
    parts = _PARTS.findall(expression)[::-1]
    known = {name.lower() for name in allow}

    def either() -> bool:
        found = both()
        while parts and parts[-1].upper() == "OR":
            parts.pop()
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while parts and parts[-1].upper() == "AND":
            parts.pop()
            found = one() and found
        return found

    def one() -> bool:
        part = parts.pop() if parts else ""
        if part == "(":
            found = either()
            return (parts.pop() if parts else "") == ")" and found
        if parts and parts[-1].upper() == "WITH":
            del parts[-2:]
        return part.lower() in known

    return either() and not parts
