"""A registered version → traffic: download, merge with its base model, convert, roll out. Not a DVC stage."""

import shutil
from collections.abc import Callable
from pathlib import Path

from deployment.engines import choose_engine
from deployment.rollout import check_verdict, deploy, serving_now
from hone.errors import DeploymentError
from hone.layout import Layout
from hone.records import Deployment, ModelVersion
from hone.settings import Settings
from pipelines.facts import base_location, read_base
from registry.server import ensure_server

KEPT_WEIGHTS = 4  # converted versions in the cache; the oldest goes first


def deploy_version(
    layout: Layout, settings: Settings, selector: str, *, force: str | None, progress: Callable[[str], None]
) -> Deployment:
    """Deploys the version that `selector` (an alias or a number) names; does nothing where it serves already."""
    uri = ensure_server(layout, settings)

    from registry.store import Store  # imports MLflow, which must find its settings made

    store = Store(uri)
    version = store.get(settings.registry.model_name, selector)
    check_verdict(version, force)
    choice = choose_engine(layout, settings.deployment)
    engine = choice.engine
    progress(f"engine {choice.why}")
    serving = serving_now(layout, settings, version, engine=engine)
    if serving:
        progress(f"version {version.version} serves already")
        return serving
    weights = convert_version(layout, version, lambda to: store.download(version, to), progress)
    return deploy(layout, settings, version, weights, engine=engine, progress=progress, force=force)


def convert_version(
    layout: Layout, version: ModelVersion, download: Callable[[Path], Path], progress: Callable[[str], None]
) -> Path:
    """The weights folder of a version, from the cache or made now.

    Raises `DeploymentError` where the base model that the adapter was trained on is not the one that lies here.
    """
    name = f"{version.adapter_digest[7:23]}-{version.base_digest[7:23]}"
    weights = layout.cache / "weights" / name
    if weights.is_dir():
        return weights
    base = read_base(layout)
    if base.digest != version.base_digest:
        raise DeploymentError(
            f"version {version.version} was trained on another base model than `{base.name}` here; bring it back with "
            f"`git checkout {version.git_commit.removesuffix('-dirty') or 'COMMIT'} -- dvc.lock && dvc checkout`"
        )
    from serving.convert import convert
    from training.merge import merge

    work = layout.cache / f"merge-{name}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        progress("downloading the adapter and checking its digest")
        adapter = download(work / "adapter")
        progress("merging it into its base model")
        merge(base_location(layout, base.name), adapter, work / "merged")
        progress("converting to CTranslate2")
        convert(work / "merged", weights)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for old in sorted(weights.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_WEIGHTS:]:
        shutil.rmtree(old, ignore_errors=True)
    return weights
