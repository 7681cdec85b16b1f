"""A wrong configuration is named by file, line, key and what would be right."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from hone.config import Config, load_config
from hone.errors import ConfigError


class Small(Config):
    kind: Literal["small"]
    size: int = Field(1, ge=1)


class Large(Config):
    kind: Literal["large"]
    weight: float


class Whole(Config):
    name: str
    rate: float = 0.1
    mode: Literal["fast", "exact"] = "fast"
    parts: tuple[Annotated[Small | Large, Field(discriminator="kind")], ...] = ()


def load(tmp_path: Path, text: str) -> Whole:
    file = tmp_path / "some.yaml"
    file.write_text(text)
    return load_config(file, Whole)


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


class Named(Config):
    parts: dict[str, Small]


def test_a_right_file_becomes_a_frozen_value(tmp_path: Path) -> None:
    whole = load(tmp_path, "name: a\nparts:\n  - kind: large\n    weight: 2.5\n")
    assert whole.parts == (Large(kind="large", weight=2.5),)
    with pytest.raises(ValueError, match="frozen"):
        whole.name = "b"  # type: ignore[misc]


def test_an_unknown_key_names_the_line_and_suggests_the_nearest(tmp_path: Path) -> None:
    assert problem(tmp_path, "name: a\nrat: 0.2\n") == "some.yaml:2: `rat`: unknown key; did you mean `rate`?"


def test_an_unknown_key_far_from_all_lists_the_allowed_ones(tmp_path: Path) -> None:
    assert "allowed: mode, name, parts, rate" in problem(tmp_path, "name: a\nzzz: 1\n")


def test_a_character_that_yaml_does_not_allow_is_said_in_one_line(tmp_path: Path) -> None:
    found = problem(tmp_path, "name: a\x00b\n")
    assert found.startswith("some.yaml")
    assert "not valid YAML" in found
    assert "\n" not in found


def test_an_unknown_key_below_a_name_of_the_users_own_suggests_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("parts:\n  first:\n    kind: small\n    sise: 3\n")
    with pytest.raises(ConfigError, match=r":4: `parts\.first\.sise`: unknown key; did you mean `size`\?"):
        load_config(file, Named)


def test_an_unknown_key_inside_a_tagged_list_is_found_on_its_line(tmp_path: Path) -> None:
    found = problem(tmp_path, "name: a\nparts:\n  - kind: small\n    sise: 3\n")
    assert found == "some.yaml:4: `parts.0.sise`: unknown key; did you mean `size`?"


def test_a_value_that_is_not_allowed_lists_those_that_are(tmp_path: Path) -> None:
    found = problem(tmp_path, "name: a\nmode: quick\n")
    assert found.startswith("some.yaml:2: `mode`: `quick` is not allowed")
    assert "'fast' or 'exact'" in found


def test_an_unknown_kind_lists_the_known_kinds(tmp_path: Path) -> None:
    found = problem(tmp_path, "name: a\nparts:\n  - kind: medium\n")
    assert found.startswith("some.yaml:3: `parts.0`: `medium` is not allowed")
    assert "'small', 'large'" in found


def test_a_value_out_of_range_says_what_was_given(tmp_path: Path) -> None:
    found = problem(tmp_path, "name: a\nparts:\n  - kind: small\n    size: 0\n")
    assert found.startswith("some.yaml:4: `parts.0.size`:")
    assert "(got `0`)" in found


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path, "rate: 1\n") == "some.yaml:1: `name`: this key is required"


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    assert len(problem(tmp_path, "rat: 1\nmode: quick\n").splitlines()) == 3


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    assert problem(tmp_path, "name: a\nname: b\n") == "some.yaml:2: `name` is given twice"


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    assert problem(tmp_path, "name: a\nparts: [1\nmode: fast\n").startswith("some.yaml:3: not valid YAML")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml` cannot be read: No such file"):
        load_config(tmp_path / "none.yaml", Whole)


def test_numbers_with_an_exponent_need_no_point(tmp_path: Path) -> None:
    assert load(tmp_path, "name: a\nrate: 3e-3\n").rate == 0.003
