"""Which licence source code stands under: its SPDX expression, or nothing where that cannot be said.

A text is recognised by phrases that stand in it and in no other (https://spdx.org/licenses/). It is a record of what
was found and no legal opinion; a changed or unusual text is not recognised.
"""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple


class _Text(NamedTuple):
    """A licence by phrases of its text, in lower case and with single spaces."""

    name: str  # SPDX identifier
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()


_REDISTRIBUTION = "redistribution and use in source and binary forms"
_ENDORSEMENT, _ADVERTISING = "endorse or promote", "all advertising materials"
_GRANT = "for any purpose with or without fee is hereby granted"
_TEXTS = (
    _Text(
        "MIT",
        ("permission is hereby granted, free of charge, to any person", "this permission notice shall be included"),
    ),
    _Text("Apache-2.0", ("apache license version 2.0, january 2004",)),
    _Text("BSD-3-Clause", (_REDISTRIBUTION, _ENDORSEMENT), (_ADVERTISING,)),
    _Text("BSD-2-Clause", (_REDISTRIBUTION,), (_ENDORSEMENT, _ADVERTISING)),
    _Text("ISC", (f"{_GRANT}, provided that the above copyright notice",)),
    _Text("0BSD", (f"{_GRANT}. the software is provided",)),
    _Text("MPL-2.0", ("mozilla public license version 2.0", "means each individual or legal entity that creates")),
    _Text("GPL-3.0-only", ("gnu general public license version 3, 29 june 2007",)),
    _Text("GPL-2.0-only", ("gnu general public license version 2, june 1991",)),
    _Text("LGPL-3.0-only", ("gnu lesser general public license version 3, 29 june 2007",)),
    _Text("AGPL-3.0-only", ("gnu affero general public license version 3, 19 november 2007",)),
    _Text("PSF-2.0", ("python software foundation license version 2",)),
    _Text("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    _Text("CC0-1.0", ("creative commons legal code cc0 1.0 universal",)),
)
_FSF = "as published by the free software foundation"
_NOTICES = (  # that licences ask for at the top of a file, and that are no whole texts
    ("Apache-2.0", "licensed under the apache license, version 2.0"),
    ("Apache-2.0", "licensed under the apache license version 2.0"),
    ("MPL-2.0", "subject to the terms of the mozilla public license, v. 2.0"),
    ("LGPL-2.1-or-later", f"gnu lesser general public license {_FSF}; either version 2.1"),
    ("LGPL-3.0-or-later", f"gnu lesser general public license {_FSF}, either version 3"),
    ("LGPL-3.0-or-later", f"gnu lesser general public license {_FSF}; either version 3"),
    ("AGPL-3.0-or-later", f"gnu affero general public license {_FSF}, either version 3"),
    ("GPL-3.0-or-later", f"gnu general public license {_FSF}, either version 3"),
    ("GPL-3.0-or-later", f"gnu general public license {_FSF}; either version 3"),
    ("GPL-2.0-or-later", f"gnu general public license {_FSF}; either version 2"),
    ("GPL-2.0-only", f"gnu general public license version 2 {_FSF}"),
    ("GPL-2.0-only", f"gnu general public license {_FSF}; version 2"),
)
TOP_CHARS = 6_000  # of a file, in which its licence is looked for
_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+: ()-]+)")
_ENDS = re.compile(r"[\s-]+$|\s(?!AND |OR |WITH )(?<! AND )(?<! OR )(?<! WITH ).*")  # of the comment, or of the line
_MARKS = re.compile(r"^[ \t]*(?:#+|//+|/?\*+/?|--|;+|%+|<!--)[ \t]?", re.MULTILINE)
_WORDS = ("licen", "redistribution", "permission", "public domain")
_KNOWN = {known.name.lower(): known.name for known in _TEXTS} | {"apache 2.0": "Apache-2.0", "mit license": "MIT"}
# Classifiers that name one licence; `BSD License` and `GNU General Public License` name several.
_CLASSIFIERS = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: The Unlicense (Unlicense)": "Unlicense",
}
_FILE_NAME = re.compile(r"(licen[cs]e|copying|unlicense)([.\-_].*)?", re.IGNORECASE)


def licence_in(text: str) -> str:
    """What the top of a file says: an SPDX line, or else a notice or a licence's text; empty where it says nothing."""
    top = text[:TOP_CHARS]
    if said := {_ENDS.sub("", found.strip()) for found in _SPDX.findall(top)} - {""}:
        return " AND ".join(sorted(said))
    lower = top.lower()
    if not any(word in lower for word in _WORDS):
        return ""
    plain = " ".join(_MARKS.sub("", lower).split())
    named = {name for name, phrase in _NOTICES if phrase in plain}
    return " AND ".join(sorted(named)) or recognise([plain])


def is_licence_file(name: str) -> bool:
    """Whether a file is called as licences are: `LICENSE`, `COPYING.LESSER`, `LICENSE-MIT.txt` …"""
    return _FILE_NAME.fullmatch(name) is not None and not name.endswith(".py")


def recognise(texts: Iterable[str]) -> str:
    """The licences whose texts stand here. Several are joined by AND, the reading that grants least; empty if none."""
    found = set()
    for text in texts:
        plain = " ".join(text.lower().split())
        found |= {
            known.name
            for known in _TEXTS
            if all(phrase in plain for phrase in known.present) and not any(phrase in plain for phrase in known.absent)
        }
    return " AND ".join(sorted(found))


def licence_of(package: Distribution) -> str:
    """What a distribution's metadata says, or else its licence files; empty where neither is clear."""
    said = package.metadata
    if expression := _field(package, "License-Expression"):
        return expression
    if known := _KNOWN.get(_field(package, "License").strip().lower()):
        return known
    if found := recognise(_licence_texts(package)):
        return found
    named = {_CLASSIFIERS[line] for line in said.get_all("Classifier", []) if line in _CLASSIFIERS}
    return named.pop() if len(named) == 1 else ""


def _field(package: Distribution, name: str) -> str:
    """A field of the metadata, empty where it is missing: subscripting raises once `importlib_metadata` is loaded."""
    values = package.metadata.get_all(name)
    return str(values[0]) if values else ""


def _licence_texts(package: Distribution) -> Iterator[str]:
    for path in package.files or ():
        place = Path(str(package.locate_file(path)))
        if path.parts[0].endswith(".dist-info") and is_licence_file(path.name) and place.is_file():
            yield place.read_bytes().decode(errors="replace")
