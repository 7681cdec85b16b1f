"""A small project folder and the records that its stages would have written."""

from pathlib import Path

from hone.files import sha256_bytes
from hone.layout import Layout
from hone.records import Deployment, Evidence, ModelVersion, PairedTest, PassRate, Verdict

RECIPE = """\
name: small
base_model: null
data:
  sources:
    - kind: generated
      train: 64
      heldout: 8
  corpus:
    max_bytes: 200000
pretrain:
  tokens: 16384
  learning_rate: 3.0e-3
train:
  steps: 12
  batch_size: 4
  max_tokens: 256
  learning_rate: 2.0e-3
  lora: {rank: 4, alpha: 8}
evaluation:
  suite: execution
"""
ADAPTER, BASE, DATASET = (sha256_bytes(name) for name in (b"adapter", b"base", b"dataset"))


def make_project(root: Path) -> Layout:
    """A project whose `params.yaml` chooses the recipe above."""
    (root / "configs" / "recipes").mkdir(parents=True)
    (root / "configs" / "recipes" / "small.yaml").write_text(RECIPE)
    (root / "params.yaml").write_text("recipe: configs/recipes/small.yaml\n")
    (root / "dvc.yaml").write_text(
        "stages:\n  one:\n    cmd: 'true'\n    deps: [input, folder]\n    outs: [artifacts/out]\n"
    )
    return Layout(root=root, artifacts=root / "artifacts")


def evidence(*, tasks: int = 8) -> Evidence:
    """Half of the tasks solved, by the tuned model alone."""
    return Evidence(
        suite="execution",
        adapter_digest=ADAPTER,
        base_digest=BASE,
        dataset_digest=DATASET,
        isolation="bubblewrap",
        base=PassRate(0, tasks, 0.0, 0.0, 0.3),
        tuned=PassRate(tasks // 2, tasks, 0.5, 0.2, 0.8),
        paired=PairedTest(tasks // 2, 0, 0.1),
    )


def version(number: str = "1", *, passed: bool = True, git_commit: str = "c0ffee") -> ModelVersion:
    """A registered version of the adapter above."""
    verdict = Verdict(passed, ("a reason",), ADAPTER, sha256_bytes(b"evidence"), sha256_bytes(b"policy"))
    return ModelVersion("hone-code", number, "run", ADAPTER, BASE, DATASET, git_commit, verdict)


def deployment(number: str = "1") -> Deployment:
    """A version that a process serves."""
    return Deployment("id", "hone-code", number, ADAPTER, "process", "http://127.0.0.1:1", "handle")
