"""`hone code symbols|types|cfg|dataflow|calls`, and folders, as a person and as a program reads them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hone.cli.code import app
from hone.errors import HoneError

SOURCE = """\
import os
from json import dumps

class A:
    @property
    def x(self): return self.helper()
    @x.setter
    def x(self, v): self._x = v
    def helper(self):
        for i in range(3):
            try:
                if i: break
            finally:
                os.sep
        unused = 5
        return dumps(i)

class B:
    def helper(self): return A().helper()
"""
needs_dot = pytest.mark.skipif(not os.access("/usr/bin/dot", os.X_OK), reason="graphviz is not installed")


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "demo.py"
    path.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()  # a project, which has a place for the cache
    (tmp_path / "configs").mkdir()
    monkeypatch.setenv("HONE_ROOT", str(tmp_path))
    return path


def hone(*arguments, given=""):
    """What is printed. Hone's errors come out as they are raised."""
    done = CliRunner().invoke(app, [*map(str, arguments)], input=given)
    if isinstance(done.exception, HoneError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_symbols_are_listed_scope_by_scope_with_their_lines(file):
    assert hone("symbols", file, "--function", "A.helper").splitlines() == [
        "    function helper  line 9",
        "      parameter self: defined at 9, never used",
        "      variable i: defined at 10, used at 12 16",
        "      variable unused: defined at 15, never used",
    ]


def test_what_is_deleted_is_not_called_defined_there(tmp_path):
    given = "x = 1\ndel x\n"
    assert "variable x: defined at 1, never used, deleted at 2" in hone(
        "symbols", "-", "--language", "python", given=given
    )


def test_types_say_where_they_come_from(file):
    told = hone("types", file, "--function", "A.helper")
    assert "    10  A.helper.i: int  (loop)" in told
    assert "     9  A.helper returns str  (return statements)" in told


def test_control_flow_is_told_block_by_block(file):
    told = hone("cfg", file, "--function", "A.helper")
    assert "     12  i\n         exception → 5\n         true → 4\n" in told
    assert "finally, on break" in told
    assert told.rstrip().endswith("returns")


def test_the_ways_of_values_are_told_and_what_looks_wrong(file):
    told = hone("dataflow", file, "--function", "A.helper").splitlines()
    assert "    10  i → 12 16" in told
    assert "line 15: the value of `unused` is never used" in told
    assert "line 16: `i` may have no value" in told


def test_calls_are_told_by_their_callers(file):
    told = hone("calls", file)
    assert "A.helper\n      10  range  (builtin)\n      16  json.dumps\nA.x\n       6  A.helper\n" in told
    assert "B.helper\n      19  A.helper\n      19  A\n" in told
    assert told.splitlines()[-1] == "5 calls: 1 builtin, 1 import, 3 local"


def test_a_function_is_shown_with_its_callers(file):
    assert hone("calls", file, "--function", "B.helper").splitlines()[0] == "B.helper"
    assert "A.x\n" in hone("calls", file, "--function", "A.helper")


@pytest.mark.parametrize("command", ["outline", "symbols", "types", "cfg", "dataflow", "calls"])
def test_programs_get_json_from_every_command(file, command):
    assert isinstance(json.loads(hone(command, file, "--json")), dict)


@pytest.mark.parametrize("command", ["cfg", "calls"])
def test_graphs_come_as_dot_and_go_to_a_file(file, command):
    dot = hone(command, file, "--dot")
    assert dot.startswith("digraph")
    assert hone(command, file, "-o", "graph.dot") == ""
    assert Path("graph.dot").read_text() == dot


@needs_dot
def test_graphs_are_drawn(file):
    assert "<svg" in hone("cfg", file, "--function", "A.helper", "--svg")
    hone("calls", file, "-o", "calls.svg")
    assert "json.dumps" in Path("calls.svg").read_text()


def test_a_folder_is_outlined_and_its_calls_reach_through_its_files(file, tmp_path):
    (tmp_path / "main.py").write_text("import demo\ndef run():\n    demo.A()\n")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    told = hone("outline", tmp_path)
    assert told.splitlines()[-2:] == ["skipped gone.py: a symbolic link", "2 files, 2 classes, 5 functions"]
    assert "main.py: run\n       3  demo.py: A\n" in hone("calls", tmp_path)
    assert hone("calls", tmp_path, "--function", "run").splitlines()[-1] == "1 call: 1 project"
    assert '"main.py" -> "demo.py"' in hone("calls", tmp_path, "--dot")
    assert {one["path"] for one in json.loads(hone("outline", tmp_path, "--json"))["files"]} == {"demo.py", "main.py"}
    assert json.loads(hone("calls", tmp_path, "--json"))["dependencies"] == [{"path": "main.py", "target": "demo.py"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cfg", "demo.py", "--function", "hepler"), "there is no function `hepler`; did you mean `helper`?"),
        (("cfg", "demo.py", "--function", "helper"), "is several functions; give one of `A.helper:9`, `B.helper:19`"),
        (("cfg", "demo.py", "--function", "A.x:9"), "`A.x:9` is several functions; give one of `A.x:5`, `A.x:7`"),
        (("cfg", "empty.py", "--function", "x"), "there is no function `x`: there are none at all"),
        (("types", "."), "`.` is a folder; give a file"),
        (("outline", "none.py"), "`none.py` does not exist"),
        (("outline", "null.py"), "`null.py` holds null bytes: it is binary, or no UTF-8"),
        (("outline", "long.py"), "`long.py` is longer than 10 MB"),
        (("outline", "pipe.py"), "`pipe.py` is not a regular file"),
        (("symbols", "a.rs"), "`rust` has no scopes; those that have them are go"),
        (("cfg", "a.rs"), "`rust` has no control flow"),
        (("calls", "a.rs"), "`rust` has no"),
        (("types", "a.rs"), "`rust` has no type inference"),
        (("cfg", "demo.py", "--dot", "--svg"), "--dot and --svg are two pictures; give one"),
        (("cfg", "demo.py", "--svg", "--json"), "--json prints no picture"),
        (("cfg", "demo.py", "--dot", "-o", "x.svg"), "the name of `x.svg` says another picture than --dot"),
        (("outline", "loop.py"), "`loop.py` is a link that leads nowhere"),
        (("cfg", "demo.py", "-o", "x.png"), "the name of `x.png` does not say what to draw"),
        (("cfg", "demo.py", "-o", "demo.py/x.dot"), "`demo.py/x.dot` cannot be written"),
        (("calls", ".", "--function", "nobody"), "calls `nobody` or is called by it"),
        (("calls", ".", "--language", "go"), "--language is for one file"),
        (("outline", ".", "--language", "go"), "--language is for one file"),
    ],
)
def test_what_cannot_be_shown_is_one_clear_line(file, arguments, said):
    Path("null.py").write_bytes(b"x = '\0'\n")
    Path("empty.py").write_bytes(b"")
    Path("a.rs").write_text("fn main() {}")
    with Path("long.py").open("wb") as long:
        long.truncate(50_000_000)
    os.mkfifo("pipe.py")
    Path("loop.py").symlink_to("loop.py")
    with pytest.raises(HoneError) as error:
        hone(*arguments)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_shown_of_broken_code_comes_with_where_it_is_broken(tmp_path):
    path = tmp_path / "broken.py"
    path.write_bytes(b"def f(:\n    return 1\ns = '\xe9'\n")
    done = CliRunner().invoke(app, ["symbols", str(path)])
    assert "function f: defined at 1" in done.stdout
    assert f"`{path}` is no UTF-8 (line 3)" in done.stderr
    assert f"`{path}` is broken at line 1 (`)` is missing)" in done.stderr


def test_a_file_named_in_no_utf_8_is_passed_over_and_said(tmp_path):
    (tmp_path / "a.py").touch()
    (tmp_path / os.fsdecode(b"b\xff.py")).touch()
    told = json.loads(hone("outline", tmp_path, "--json"))
    assert [one["path"] for one in told["files"]] == ["a.py"]
    assert told["skipped"] == [{"path": "b\ufffd.py", "reason": "its name is no UTF-8"}]


def run(command, **environment):
    return subprocess.run(
        ["sh", "-c", command.replace("hone", f"{sys.executable} -c 'from hone.cli import main; main()'")],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )  # fmt: skip


def test_a_full_disk_a_closed_input_and_a_narrow_terminal_are_no_tracebacks(file):
    full = run("hone code outline demo.py > /dev/full")
    assert (full.returncode, full.stderr) == (1, "hone: there is no space left on the disk\n")
    closed = run("hone code outline - --language python <&-")
    assert closed.stderr == "hone: `-` cannot be read: there is no standard input\n"
    narrow = run("hone code outline demo.py", PYTHONIOENCODING="ascii")
    assert (narrow.returncode, narrow.stderr) == (0, "")


def test_a_picture_without_graphviz_says_what_to_install(file):
    code = "from hone.cli import main; main()"
    environment = {**os.environ, "PATH": "/nowhere", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, "code", "cfg", str(file), "--svg"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hone: there is no `dot` on this machine; install graphviz\n"
