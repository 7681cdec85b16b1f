"""A copy of this project with a tiny recipe, policy and ports of its own, and how its commands are run.

The code that runs is the copy's, so the whole system is tested as a fresh checkout would use it.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from hone.layout import Layout

SOURCE = Path(__file__).parents[2]
RECIPE = """\
name: tiny
base_model: null
data:
  sources:
    - {kind: generated, train: 64, heldout: 8}
  corpus: {library: true, max_bytes: 200000}
pretrain:
  architecture: {hidden_size: 32, intermediate_size: 64, layers: 2, heads: 2, context: 256, vocabulary: 400}
  tokens: 16384
  batch_sequences: 4
  learning_rate: 3.0e-3
  warmup_steps: 2
  precision: fp32
  checkpoint_steps: 8
  log_steps: 2
train:
  steps: 12
  batch_size: 4
  max_tokens: 256
  learning_rate: 2.0e-3
  warmup_steps: 2
  precision: fp32
  checkpoint_steps: 4
  log_steps: 2
  lora: {rank: 4, alpha: 8}
evaluation: {suite: execution, tasks: 8, max_new_tokens: 24}
"""
LENIENT = {"min_tasks": 1, "min_pass_at_1": 0.0, "min_gain": -1.0, "max_p_value": 1.0}  # the tiny model solves nothing


@dataclass(frozen=True)
class Project:
    """One copy. `recipe` is its only recipe of interest."""

    root: Path
    engine: str
    mlflow_port: int
    router_port: int

    @property
    def layout(self) -> Layout:
        return Layout(root=self.root, artifacts=self.root / "artifacts")

    @property
    def recipe(self) -> Path:
        return self.root / "configs" / "recipes" / "tiny.yaml"

    @property
    def mlflow(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def router(self) -> str:
        return f"http://127.0.0.1:{self.router_port}/v1"

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        """A command of an activated environment, with its output as one text."""
        return subprocess.Popen(
            list(command),
            cwd=self.root,
            env=self._environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end; stdout and stderr apart."""
        return subprocess.run(
            list(command),
            cwd=self.root,
            env=self._environment() | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *command: str, **environment: str) -> str:
        """Runs a command that must succeed; returns what it printed to stdout."""
        ended = self.run(*command, **environment)
        assert ended.returncode == 0, f"{command} exited {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def refused(self, *command: str, **environment: str) -> str:
        """Runs a command that must fail without a traceback; returns its last line on stderr."""
        ended = self.run(*command, **environment)
        everything = ended.stdout + ended.stderr
        assert ended.returncode != 0, everything
        assert "Traceback" not in everything, everything
        return ended.stderr.strip().splitlines()[-1]

    def write_settings(self, path: Path | None = None, **sections: Mapping[str, object]) -> Path:
        """Settings with changed keys, at their usual place or elsewhere."""
        settings = yaml.safe_load((SOURCE / "configs" / "hone.yaml").read_text())
        settings["tracking"]["port"], settings["router"]["port"] = self.mlflow_port, self.router_port
        settings["deployment"] |= {"engine": self.engine, "drain_timeout_s": 2}
        for name, changes in sections.items():
            settings[name] |= changes
        path = path or self.root / "configs" / "hone.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    def write_policy(self, **tasks: float) -> None:
        """The gate's policy with changed floors."""
        policy = yaml.safe_load((SOURCE / "configs" / "gate.yaml").read_text())
        policy["tasks"] |= LENIENT | tasks
        (self.root / "configs" / "gate.yaml").write_text(yaml.safe_dump(policy))

    def change_recipe(self, old: str, new: str) -> None:
        text = self.recipe.read_text()
        assert old in text
        self.recipe.write_text(text.replace(old, new))

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HONE_", "MLFLOW_"))}
        return kept | {"PATH": path, "PYTHONPATH": str(self.root), "OMP_WAIT_POLICY": "PASSIVE"}


def make_project(root: Path, *, engine: str = "process") -> Project:
    """Copies the working tree, as git would see it, commits it, and makes it tiny."""
    listed = subprocess.run(
        ["git", "-C", str(SOURCE), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (SOURCE / name).is_file():  # one that was deleted is still listed
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, root / name)
    project = Project(root, engine, *free_ports(2))
    project.recipe.write_text(RECIPE)
    (root / "params.yaml").write_text("recipe: configs/recipes/tiny.yaml\n")
    project.write_settings()
    project.write_policy()
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "The project"]):
        who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)
    return project


def copy_project(of: Project, root: Path) -> Project:
    """A second project with everything that the stages of the first have made, on ports of its own."""
    ignored = shutil.ignore_patterns("daemons", "deployments", ".*.lock", "tmp")
    shutil.copytree(of.root, root, ignore=ignored, symlinks=True)
    copy = Project(root, of.engine, *free_ports(2))
    copy.write_settings()
    return copy


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def until(found: Callable[[], object], *, what: str, timeout_s: float = 120.0) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.05)


def stage_process(of: "subprocess.Popen[str]", *command: str) -> psutil.Process | None:
    """The Python process that runs one `hone` command somewhere below a process."""
    try:
        for child in psutil.Process(of.pid).children(recursive=True):
            words = child.cmdline()
            if words[-len(command) :] == list(command) and Path(words[0]).name.startswith("python"):
                return child
    except psutil.Error:
        pass
    return None
