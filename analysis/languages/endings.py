"""Which grammar of the parser pack a file without an adapter is read with: by its name, or by what its first line runs.

Only what is not ambiguous: `.m` (MATLAB, Objective-C) and `.v` (Verilog, V, Coq) say nothing. Files of data, whose
outlines hold nothing, are left out.
"""

import re

from analysis.languages import ending_of, language_of

_ENDINGS = """
actionscript .as | ada .adb .ads | agda .agda | arduino .ino | asm .asm .s | astro .astro
bash .bash .bats .ksh .sh .zsh | bicep .bicep | bitbake .bb .bbappend .bbclass | cairo .cairo | capnp .capnp
clojure .clj .cljc .cljs | cmake .cmake | commonlisp .lisp .lsp | css .css | cuda .cu .cuh | d .d | dart .dart
dockerfile .dockerfile | elisp .el | elixir .ex .exs | elm .elm | erlang .erl .hrl | fennel .fnl | fish .fish
fortran .f03 .f08 .f90 .f95 | fsharp .fs .fsx | fsharp_signature .fsi | gdscript .gd | gleam .gleam
glsl .frag .glsl .vert | gn .gn .gni | graphql .gql .graphql | groovy .gradle .groovy | hack .hack | hare .ha
haskell .hs | haxe .hx | hcl .hcl | hlsl .hlsl | html .htm .html | ispc .ispc | janet .janet
jsonnet .jsonnet .libsonnet | julia .jl | latex .tex | llvm .ll | lua .lua | luau .luau | magik .magik
make .mak .mk | markdown .markdown .md | nim .nim | ninja .ninja | nix .nix | objc .mm | ocaml .ml
ocaml_interface .mli | odin .odin | pascal .pas | perl .pl .pm | pony .pony | powershell .ps1 .psm1 | prisma .prisma
proto .proto | purescript .purs | qmljs .qml | r .r | racket .rkt | rego .rego | rst .rst | scheme .scm .ss
scss .scss | smali .smali | smithy .smithy | solidity .sol | sparql .rq .sparql | sql .sql | squirrel .nut
starlark .bzl .star | svelte .svelte | tablegen .td | tcl .tcl | terraform .tf | thrift .thrift | twig .twig
vhdl .vhd .vhdl | vim .vim | vue .vue | wast .wast | wat .wat | wgsl .wgsl | zig .zig
"""
_NAMES = {
    "BUILD": "starlark", "BUILD.bazel": "starlark", "WORKSPACE": "starlark", "CMakeLists.txt": "cmake",
    "Containerfile": "dockerfile", "Dockerfile": "dockerfile", "GNUmakefile": "make", "Jenkinsfile": "groovy",
    "Kconfig": "kconfig", "Makefile": "make", "Rakefile": "ruby", "Gemfile": "ruby", "makefile": "make",
    "meson.build": "meson", ".bashrc": "bash", ".vimrc": "vim",
}  # fmt: skip
_RUN = {
    "ash": "bash", "bash": "bash", "bun": "typescript", "dash": "bash", "deno": "typescript", "escript": "erlang",
    "fish": "fish", "guile": "scheme", "julia": "julia", "ksh": "bash", "lua": "lua", "luajit": "lua", "make": "make",
    "node": "javascript", "nodejs": "javascript", "ocaml": "ocaml", "perl": "perl", "php": "php", "pwsh": "powershell",
    "pypy": "python", "python": "python", "racket": "racket", "Rscript": "r", "ruby": "ruby", "runghc": "haskell",
    "sh": "bash", "tclsh": "tcl", "zsh": "bash",
}  # fmt: skip
_FIRST_LINE = re.compile(rb"#!\s*(?:\S*/)?env\s+(?:-\S+\s+|\w+=\S*\s+)*(\S+)|#!\s*(\S+)")

GRAMMARS = {
    ending: grammar
    for grammar, *endings in (words.split() for line in _ENDINGS.splitlines() for words in line.split("|") if words)
    for ending in endings
}


def language_told(file_name: str, content: bytes = b"") -> str | None:
    """The language of a file, by its adapter or by its grammar's name; None where nothing says it.

    `content` is looked at only where the name says nothing: a first line `#!/usr/bin/env python3` does.
    """
    named = language_of(file_name) or _NAMES.get(file_name) or GRAMMARS.get(ending_of(file_name))
    return named or (_run_by(content) if content.startswith(b"#!") else None)


def _run_by(content: bytes) -> str | None:
    """What the first line has run the file, less a version: `python3.11`."""
    found = _FIRST_LINE.match(content.partition(b"\n")[0])
    if not found:
        return None
    program = (found[1] or found[2]).decode(errors="replace").rpartition("/")[2]
    return _RUN.get(program) or _RUN.get(program.rstrip("0123456789.-"))
