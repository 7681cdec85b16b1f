"""Where everything lies: the project root and the paths under `artifacts/`. No other module spells these paths."""

import os
from dataclasses import dataclass
from pathlib import Path

from hone.errors import ConfigError


@dataclass(frozen=True)
class Layout:
    """The paths of one project. `root` holds `dvc.yaml`; `artifacts` is git-ignored."""

    root: Path
    artifacts: Path

    # What the stages write, in their order.
    @property
    def sources(self) -> Path:
        return self.artifacts / "sources.json"  # where the recipe's sources stand

    @property
    def data(self) -> Path:
        return self.artifacts / "data"  # manifest.json, train.jsonl, heldout.jsonl, corpus.jsonl

    @property
    def base(self) -> Path:
        return self.artifacts / "base"  # a Hugging Face model folder

    @property
    def adapter(self) -> Path:
        return self.artifacts / "adapter"  # a PEFT adapter folder

    @property
    def evaluation(self) -> Path:
        return self.artifacts / "evaluation"  # evidence.json, results.jsonl, findings.json …; runs/, reports/

    @property
    def report(self) -> Path:
        return self.evaluation / "report.html"  # the evaluation as a page to read

    @property
    def gate(self) -> Path:
        return self.artifacts / "gate"  # verdict.json

    @property
    def registration(self) -> Path:
        return self.artifacts / "registration" / "model_version.json"

    # What lives outside DVC.
    @property
    def checkpoints(self) -> Path:
        return self.artifacts / "checkpoints"

    @property
    def cache(self) -> Path:
        return self.artifacts / "cache"

    @property
    def code_cache(self) -> Path:
        return self.cache / "code"  # outlines.db, facts.db: what analysis found in files, by their content

    @property
    def curation(self) -> Path:
        return self.cache / "curation"  # shards: what is known of single files; git/: repositories that were fetched

    @property
    def mlflow(self) -> Path:
        return self.artifacts / "mlflow"

    @property
    def daemons(self) -> Path:
        return self.artifacts / "daemons"  # one folder per supervised process

    @property
    def deployments(self) -> Path:
        return self.artifacts / "deployments"

    @property
    def endpoint(self) -> Path:
        return self.deployments / "endpoint.json"  # the record `Endpoint`: where traffic goes now

    @property
    def router(self) -> Path:
        return self.artifacts / "router"  # router.db: keys, ledger, feedback; journal/: rows that it could not take

    @property
    def summary(self) -> Path:
        return self.artifacts / "summary.json"

    @property
    def bench(self) -> Path:
        return self.artifacts / "bench"


def find_layout(start: Path | None = None) -> Layout:
    """The project around `start` (default: the working directory), or the one that `HONE_ROOT` names.

    Raises `ConfigError` where no folder upwards holds both `dvc.yaml` and `configs/`.
    """
    named = os.environ.get("HONE_ROOT")
    first = Path(named) if named else (start or Path.cwd())
    for folder in (first.resolve(), *first.resolve().parents):
        if (folder / "dvc.yaml").is_file() and (folder / "configs").is_dir():
            return Layout(root=folder, artifacts=folder / "artifacts")
    raise ConfigError(
        f"`{first}` is not inside a Hone project (no `dvc.yaml` beside `configs/`); change into one, or set `HONE_ROOT`"
    )
