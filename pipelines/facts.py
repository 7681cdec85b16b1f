"""Facts about where a run happens: the git commit, and which base model a recipe ends up with."""

import subprocess
from pathlib import Path

from hone.files import sha256_bytes, sha256_tree
from hone.layout import Layout
from hone.records import Record, read_record, write_record
from pipelines.recipe import Recipe

BASE_FILE = "base.json"


class BaseModel(Record, frozen=True):
    """What the fine-tuning starts from: a folder here or a hub name, and the digest it is known by."""

    name: str  # as in the recipe; for a pretrained one its folder, relative to the project
    digest: str


def git_commit(root: Path) -> str:
    """The checked-out commit, with `-dirty` where tracked files differ from it; empty outside git."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}-dirty" if dirty else commit


def record_base(layout: Layout, recipe: Recipe) -> BaseModel:
    """Writes base.json: the pretrained folder's digest, a local model's digest, or that of a hub name."""
    (layout.base / BASE_FILE).unlink(missing_ok=True)  # the digest is of the model alone
    if recipe.base_model is None:
        base = BaseModel(name=layout.base.relative_to(layout.root).as_posix(), digest=sha256_tree(layout.base))
    else:
        folder = layout.root / recipe.base_model
        digest = sha256_tree(folder) if folder.is_dir() else sha256_bytes(recipe.base_model.encode())
        base = BaseModel(name=recipe.base_model, digest=digest)
    write_record(layout.base / BASE_FILE, base)
    return base


def read_base(layout: Layout) -> BaseModel:
    """The base model that the `pretrain` stage settled on."""
    return read_record(layout.base / BASE_FILE, BaseModel)


def base_location(layout: Layout, name: str) -> str:
    """What a loader takes for a base model's name: an absolute folder, or a hub name."""
    folder = layout.root / name
    return str(folder) if folder.is_dir() else name


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()
