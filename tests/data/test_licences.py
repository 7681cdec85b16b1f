"""Licences recognised by their texts and by package metadata."""

from importlib import metadata

import pytest

from data.allowed import PERMISSIVE, LicenceConfig, is_allowed
from data.licences import is_licence_file, licence_in, licence_of, recognise
from tests.data.making import MIT_TEXT

BSD = "Redistribution and use in source and binary forms, with or without modification, are permitted."


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (MIT_TEXT, "MIT"),
        ("   Apache License\n   Version 2.0, January 2004\n", "Apache-2.0"),
        (BSD, "BSD-2-Clause"),
        (f"{BSD} Neither the name may be used to endorse or\n promote products.", "BSD-3-Clause"),
        (f"{BSD} All advertising materials must display this.", ""),
        ("GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", "GPL-3.0-only"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", "LGPL-3.0-only"),
        ("All rights reserved. Do not copy.", ""),
        ("", ""),
    ],
)
def test_a_text_is_recognised_by_its_own_phrases(text: str, licence: str) -> None:
    assert recognise([text]) == licence


def test_several_licences_are_joined_by_the_reading_that_grants_least() -> None:
    assert recognise([MIT_TEXT, "unknown", "Apache License Version 2.0, January 2004"]) == "Apache-2.0 AND MIT"


@pytest.mark.parametrize("name", ["LICENSE", "LICENCE.md", "copying.LESSER", "LICENSE-MIT.txt", "UNLICENSE"])
def test_licence_files_are_known_by_their_names(name: str) -> None:
    assert is_licence_file(name)


@pytest.mark.parametrize("name", ["license.py", "docs/LICENSE", "licensed.txt", "README"])
def test_other_files_are_not_taken_for_licences(name: str) -> None:
    assert not is_licence_file(name)


@pytest.mark.parametrize(
    ("package", "licence"),
    [
        ("pydantic", "MIT"),  # an SPDX expression
        ("rich", "MIT"),  # the old field, with an identifier in it
        ("jinja2", "BSD-3-Clause"),  # the ambiguous classifier, settled by the licence file
        ("mlflow", "Apache-2.0"),  # the old field, with prose in it
    ],
)
def test_real_packages_say_their_licence_in_different_places(package: str, licence: str) -> None:
    assert licence_of(metadata.distribution(package)) == licence


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("# SPDX-License-Identifier: MIT\nx = 1\n", "MIT"),
        (
            "/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */\n",
            "GPL-2.0-only WITH Linux-syscall-note",
        ),
        ("// SPDX-License-Identifier: (MIT OR Apache-2.0)\n", "(MIT OR Apache-2.0)"),
        ("<!-- SPDX-License-Identifier: ISC -->", "ISC"),
        ("# Licensed under the Apache License, Version 2.0 (the\n# 'License')", "Apache-2.0"),
        (
            "/*\n * under the terms of the GNU General Public License as published by\n"
            " * the Free Software Foundation, either version 3 of the License, or\n */",
            "GPL-3.0-or-later",
        ),
        (f"# {MIT_TEXT}".replace("\n", "\n# "), "MIT"),
        ("# Copyright. All permissions are asked for at the door.\n", ""),
        ("x = 1\n" * 2000 + "# SPDX-License-Identifier: MIT\n", ""),
    ],
)
def test_the_top_of_a_file_says_its_licence(text: str, licence: str) -> None:
    assert licence_in(text) == licence


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND ISC", True),
        ("MIT OR (GPL-3.0-only AND ISC)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", False),
        ("MIT)", False),
        ("MIT ISC", False),
        ("(MIT", False),
    ],
)
def test_an_expression_is_allowed_where_what_it_asks_for_is(expression: str, allowed: bool) -> None:
    assert is_allowed(expression, PERMISSIVE, unknown=False) is allowed


def test_an_unknown_licence_is_allowed_only_where_that_is_said() -> None:
    assert is_allowed("", PERMISSIVE, unknown=True)


@pytest.mark.parametrize("stated", ["LicenseRef-Ours", "LicenseRef-Ours AND GPL-2.0-only"])
def test_what_a_recipe_states_of_a_source_is_allowed_as_a_whole(stated: str) -> None:
    assert LicenceConfig().allows(stated, stated=stated)
    assert not LicenceConfig().allows("GPL-3.0-only", stated=stated)
