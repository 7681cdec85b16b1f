"""Which grammar a file is read with where no adapter knows it."""

import re

import pytest

from analysis import LANGUAGES, language_of, parse
from analysis.languages import endings
from analysis.languages.endings import GRAMMARS, language_told

ADAPTERS = {ending for adapter in LANGUAGES.values() for ending in adapter.extensions}


def test_every_grammar_that_is_named_is_in_the_pack_and_can_parse():
    named = {*GRAMMARS.values(), *endings._NAMES.values(), *endings._RUN.values()}
    for name in sorted(named):
        assert parse("x\n", name).language == name


def test_no_ending_means_two_languages():
    listed = re.findall(r"\s(\.\w+)", endings._ENDINGS)
    assert len(listed) == len(set(listed)) == len(GRAMMARS)
    assert not GRAMMARS.keys() & ADAPTERS


@pytest.mark.parametrize(
    ("name", "grammar"),
    [
        ("x.lua", "lua"), ("X.LUA", "lua"), ("run.sh", "bash"), ("main.tf", "terraform"), ("Makefile", "make"),
        ("a.py", "python"), ("CMakeLists.txt", "cmake"), ("notes", None), ("notes.txt", None), ("m.m", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_files_name_says_its_grammar(name, grammar):
    assert language_told(name) == grammar


@pytest.mark.parametrize(
    ("first_line", "grammar"),
    [
        ("#!/bin/sh", "bash"), ("#! /usr/bin/python3.11 -I", "python"), ("#!/usr/bin/env node", "javascript"),
        ("#!/usr/bin/env -S python3 -u", "python"), ("#!/usr/bin/env LC_ALL=C perl", "perl"), ("#!/opt/lua5.4", "lua"),
        ("#!/usr/bin/env unheard-of", None), ("#!", None), ("#!/usr/bin/env", None), ("print(1)", None),
    ],
)  # fmt: skip
def test_a_first_line_says_it_where_the_name_does_not(first_line, grammar):
    assert language_told("tool", f"{first_line}\nrest\n".encode()) == grammar
    assert language_told("tool.go", f"{first_line}\n".encode()) == "go"


def test_datasets_and_folders_keep_to_languages_with_an_adapter():
    assert language_of("x.lua") is None
