"""A whole repository: its files, whose imports mean each other, and the calls between them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import project
from analysis.cache import Cache
from analysis.repository import FileFacts
from hone.errors import AnalysisError

FILES = {
    "app/main.py": "from lib import helper, Shape\nimport lib.deep.tool as tool\nfrom lib.stars import *\n"
    "def run():\n    helper()\n    tool.use()\n    shining()\n    Shape().area()\n    Shape.area(1)\n    missing()\n",
    "lib/__init__.py": "from .core import helper\nfrom .shapes import Square as Shape\n",
    "lib/core.py": "import json\nfrom . import shapes\ndef helper():\n    return json.dumps(shapes.Square())\n",
    "lib/shapes.py": "from .base import Base\nclass Square(Base):\n    def side(self):\n        self.area()\n",
    "lib/base.py": "class Base:\n    def area(self): pass\n",
    "lib/stars.py": "from lib.bright import *\n",
    "lib/bright.py": "def shining(): pass\n",
    "lib/deep/__init__.py": "",
    "lib/deep/tool.py": "from ..core import helper\ndef use():\n    helper()\n",
    "web/index.js": "import { draw } from './draw';\nexport function start() { draw(); }\n",
    "web/draw.ts": "export function draw() {}\n",
    "broken.py": "def f(:\n",
    "notes.txt": "no code",
}
CALLS = {
    ("app/main.py", "run", "lib/core.py", "helper", "project"),
    ("app/main.py", "run", "lib/deep/tool.py", "use", "project"),
    ("app/main.py", "run", "lib/bright.py", "shining", "project"),
    ("app/main.py", "run", "lib/shapes.py", "Square", "project"),
    ("app/main.py", "run", "lib/base.py", "Base.area", "project"),
    ("app/main.py", "run", "", "missing", "unknown"),
    ("app/main.py", "run", "", "Shape().area", "unknown"),
    ("lib/core.py", "helper", "lib/shapes.py", "Square", "project"),
    ("lib/core.py", "helper", "", "json.dumps", "import"),
    ("lib/shapes.py", "Square.side", "lib/base.py", "Base.area", "project"),
    ("lib/deep/tool.py", "use", "lib/core.py", "helper", "project"),
    ("web/index.js", "start", "web/draw.ts", "draw", "project"),
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "work"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def git(root, *arguments):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=root, check=True, timeout=60)


def calls(found):
    return {(call.path, call.caller, call.target, call.callee, call.kind) for call in found.calls}


def test_calls_reach_through_packages_that_pass_names_on_stars_and_bases(root):
    assert calls(project(root, workers=0)) == CALLS


def test_workers_and_a_cache_change_nothing(root, tmp_path):
    for _ in range(2):
        with Cache(tmp_path / "facts.db", FileFacts) as cache:
            found = project(root, workers=2, cache=cache)
        assert calls(found) == CALLS
        assert [file.path for file in found.files if file.facts.errors] == ["broken.py"]


def test_dependencies_are_the_files_that_are_imported(root):
    found = {(one.path, one.target) for one in project(root, workers=0).dependencies}
    assert found == {
        ("app/main.py", "lib/__init__.py"), ("app/main.py", "lib/deep/tool.py"), ("app/main.py", "lib/stars.py"),
        ("lib/__init__.py", "lib/core.py"), ("lib/__init__.py", "lib/shapes.py"), ("lib/core.py", "lib/shapes.py"),
        ("lib/shapes.py", "lib/base.py"), ("lib/stars.py", "lib/bright.py"), ("lib/deep/tool.py", "lib/core.py"),
        ("web/index.js", "web/draw.ts"),
    }  # fmt: skip


def test_a_package_is_named_from_the_folder_above_it_wherever_the_project_begins(root):
    (root / "lib" / "outer.py").write_text("import lib.core\nlib.core.helper()\n")
    found = project(root / "lib", workers=0)
    assert ("outer.py", "", "core.py", "helper", "project") in calls(found)


def test_what_git_ignores_is_no_source_and_what_is_new_is(root):
    git(root, "init", "-q")
    (root / ".gitignore").write_text("lib/\n")
    (root / "app" / "new.py").write_text("")
    assert [file.path for file in project(root, workers=0).files] == [
        "app/main.py", "app/new.py", "broken.py", "web/draw.ts", "web/index.js",
    ]  # fmt: skip


def test_what_cannot_be_read_says_why_and_nothing_is_followed_in_circles(root):
    (root / "loop").symlink_to(root)
    (root / "link.py").symlink_to("broken.py")
    (root / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(root / "pipe.py")
    (root / "large.py").write_bytes(b"#" * 10_000_001)
    (root / "wide.py").write_bytes("pass".encode("utf-16"))
    found = project(root, workers=0)
    assert {one.path: one.reason for one in found.skipped} == {
        "link.py": "a symbolic link", "gone.py": "a symbolic link", "pipe.py": "not a regular file",
        "large.py": "longer than 10 MB", "wide.py": "holds null bytes: it is binary, or no UTF-8",
    }  # fmt: skip
    assert len(found.files) == len(FILES) - 1


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_folders_that_may_not_be_entered_are_said(root):
    """Also for root, who may enter all of them unless that is taken from it."""
    (root / "locked").mkdir(mode=0)
    script = f"""
from pathlib import Path
from analysis.tree_files import source_files
print(source_files(Path({str(root)!r}))[1])
try: source_files(Path({str(root / "locked")!r}))
except Exception as error: print(repr(error))
"""
    lowered = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if not os.getuid() else []
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*lowered, sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    (root / "locked").chmod(0o700)
    assert "Skipped(path='locked', reason='a folder that cannot be read')" in done.stdout, done.stderr
    assert "cannot be read: permission denied" in done.stdout


def test_a_submodule_is_named_and_not_entered(root, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.py").write_text("")
    for folder in (inner, root):
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "first")
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "vendored")
    found = project(root, workers=0)
    assert [(one.path, one.reason) for one in found.skipped] == [("vendored", "a submodule: a project of its own")]
    assert not any(file.path.startswith("vendored") for file in found.files)


@pytest.mark.parametrize(("name", "said"), [("broken.py", "is not a folder"), ("nowhere", "does not exist")])
def test_what_is_no_folder_is_refused(root, name, said):
    with pytest.raises(AnalysisError, match=said):
        project(root / name)


def test_an_empty_folder_is_an_empty_project(tmp_path):
    found = project(tmp_path)
    assert (found.files, found.calls, found.skipped) == ((), (), ())


def test_packages_that_pass_a_name_round_in_a_circle_end(tmp_path):
    (tmp_path / "a.py").write_text("from b import f\nf()\n")
    (tmp_path / "b.py").write_text("from a import f\nfrom a import *\n")
    assert calls(project(Path(tmp_path), workers=0)) == {("a.py", "", "", "b.f", "import")}
