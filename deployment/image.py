"""Images as a chain, each built only when what it is made of changes: base → dependencies → server → weights.

The version's own build context holds the weights alone, so the next version is one new layer. Starts nothing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO

import docker
from docker.errors import APIError, BuildError, ImageNotFound
from docker.models.images import Image as BuiltImage

from deployment.base_image import ensure_base_image
from deployment.engines import Progress
from deployment.sources import lock_file, server_digest, server_files
from hone.errors import ImageBuildFailed
from hone.files import locked, sha256_bytes, sha256_file
from hone.layout import Layout
from hone.records import Image, ModelVersion

SERVER_PORT = 8000  # inside the container
LOG_TAIL_LINES = 40
LOCK_WAIT_S = 900.0  # another process builds or fetches the same: wait for it
KEY_LABEL = "dev.hone.key"
STAGE_LABEL = "dev.hone.stage=wheels"  # on what only the build needed, to throw it away
SITE_PACKAGES = "/opt/venv/lib/python3.*/site-packages"

# The wheels stay in the first stage. Installers and the packages' own tests are not needed to serve.
DEPENDENCIES = f"""
FROM {{base}} AS wheels
LABEL {STAGE_LABEL}
COPY wheels /wheels
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --no-index --no-cache-dir --disable-pip-version-check --find-links=/wheels \
    --no-deps --require-hashes -r /wheels/requirements.lock \
 && rm -rf {SITE_PACKAGES}/pip* {SITE_PACKAGES}/setuptools* {SITE_PACKAGES}/pkg_resources \
    {SITE_PACKAGES}/_distutils_hack {SITE_PACKAGES}/distutils-precedence.pth /opt/venv/bin/pip* \
 && find /opt/venv -type d -name tests -prune -exec rm -rf {{{{}}}} +
FROM {{base}}
COPY --from=wheels /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
"""

# Byte code is compiled now: the container's files are read-only.
SERVER = f"""
FROM {{dependencies}}
COPY app /app
WORKDIR /app
RUN python -m compileall -q /app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HONE_SERVE_WEIGHTS=/weights HONE_SERVE_HOST=0.0.0.0 HONE_SERVE_PORT={SERVER_PORT}
USER 65532:65532
EXPOSE {SERVER_PORT}
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "serving.healthcheck"]
CMD ["python", "-m", "serving"]
"""

VERSION = """
FROM {server}
COPY weights /weights
ENV HONE_SERVE_MODEL={model} HONE_SERVE_VERSION={version}
"""


def build_version(
    client: docker.DockerClient,
    layout: Layout,
    version: ModelVersion,
    weights: Path,
    *,
    weights_digest: str,
    base_image: str,
    sources: Path,
    progress: Progress,
) -> Image:
    """The image of one model version, built with all that it stands on, or found where the same was built before.

    Raises `ImageBuildFailed` with the end of the build's log.
    """
    with locked(layout.cache / "images.lock", what="building an image", wait_s=LOCK_WAIT_S):
        server = ensure_server_image(client, layout, base_image=base_image, sources=sources, progress=progress)
        files = {f"weights/{path.relative_to(weights).as_posix()}": path for path in _files_in(weights)}
        key = sha256_bytes(f"{server}\0{version.name}\0{version.version}\0{weights_digest}".encode())
        reference = version_reference(version)
        found = find_image(client, reference)
        if found is None or found.labels.get(KEY_LABEL) != key:
            progress(f"building `{reference}`")
            dockerfile = VERSION.format(server=server, model=_quoted(version.name), version=_quoted(version.version))
            labels = {**version_labels(version, weights_digest), KEY_LABEL: key}
            found = build_image(client, layout, reference, dockerfile, files, labels=labels)
    weights_bytes = sum(path.stat().st_size for path in files.values())
    return Image(reference, str(found.id), int(found.attrs["Size"]), weights_bytes)


def ensure_server_image(
    client: docker.DockerClient, layout: Layout, *, base_image: str, sources: Path, progress: Progress
) -> str:
    """The id of the image that lacks only the weights; what is missing on the way to it is built first."""
    app = {f"app/{name}": path for name, path in server_files(sources).items()}
    dependencies = ensure_dependencies(
        client, layout, base_image=base_image, lock=lock_file(sources), progress=progress
    )
    server_tag = f"hone-server:{image_key(SERVER, dependencies, server_digest(sources))}"
    server = find_image(client, server_tag)
    if server is None:
        progress(f"building `{server_tag}`")
        server = build_image(client, layout, server_tag, SERVER.format(dependencies=dependencies), app)
    return str(server.id)


def ensure_dependencies(
    client: docker.DockerClient, layout: Layout, *, base_image: str, lock: Path, progress: Progress
) -> str:
    """The id of the image that holds the packages of a lock; made first where it is missing, with its base."""
    base = ensure_base_image(client, base_image, layout, progress)
    dependencies_tag = f"hone-deps:{image_key(DEPENDENCIES, base, sha256_file(lock))}"
    dependencies = find_image(client, dependencies_tag)
    if dependencies is None:
        wheels = ensure_wheels(lock, layout, progress)
        progress(f"building `{dependencies_tag}`")
        context = {f"wheels/{path.name}": path for path in _files_in(wheels)} | {"wheels/requirements.lock": lock}
        dependencies = build_image(client, layout, dependencies_tag, DEPENDENCIES.format(base=base), context)
        client.images.prune(filters={"dangling": True, "label": STAGE_LABEL})
    return str(dependencies.id)


def ensure_wheels(lock: Path, layout: Layout, progress: Progress) -> Path:
    """The folder with every wheel of the lock, fetched once with this machine's pip settings."""
    wheels = layout.cache / "wheels" / sha256_file(lock).removeprefix("sha256:")
    if wheels.is_dir():
        return wheels
    progress("fetching the image's dependencies")
    beside = wheels.with_name(f".{wheels.name}.{os.getpid()}.tmp")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command += ["--require-hashes", "--requirement", str(lock), "--dest", str(beside)]
    try:
        beside.mkdir(parents=True)
        fetched = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if fetched.returncode:
            raise ImageBuildFailed(
                f"the image's dependencies (`{lock}`) could not be fetched; pip's last lines are above",
                detail=_tail(fetched.stdout.splitlines()),
            )
        beside.rename(wheels)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return wheels


def version_reference(version: ModelVersion) -> str:
    """`hone/NAME:vVERSION-ADAPTER`, with the name as Docker allows it."""
    name = re.sub(r"[^a-z0-9]+", "-", version.name.lower()).strip("-") or "model"
    tag = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"v{version.version}-{version.adapter_digest.removeprefix('sha256:')[:12]}")
    return f"hone/{name}:{tag}"


def version_labels(version: ModelVersion, weights_digest: str) -> dict[str, str]:
    """What an image says of itself: the OCI annotations, and the lineage under `dev.hone`."""
    verdict = version.verdict
    return {
        "org.opencontainers.image.title": version.name,
        "org.opencontainers.image.version": version.version,
        "org.opencontainers.image.revision": version.git_commit,
        "org.opencontainers.image.created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dev.hone.adapter-digest": version.adapter_digest,
        "dev.hone.base-digest": version.base_digest,
        "dev.hone.dataset-digest": version.dataset_digest,
        "dev.hone.weights-digest": weights_digest,
        "dev.hone.evidence-digest": verdict.evidence_digest,
        "dev.hone.policy-digest": verdict.policy_digest,
        "dev.hone.run-id": version.run_id,
        "dev.hone.verdict": "passed" if verdict.passed else "failed",
    }


def build_image(
    client: docker.DockerClient,
    layout: Layout,
    tag: str,
    dockerfile: str,
    files: Mapping[str, Path],
    *,
    labels: dict[str, str] | None = None,
) -> BuiltImage:
    """One build with the classic builder; the tag moves only when it succeeds."""
    layout.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=layout.cache) as context:
        _pack(context, dockerfile, files)
        context.seek(0)
        try:
            image, _log = client.images.build(
                fileobj=context, custom_context=True, tag=tag, labels=labels, rm=True, forcerm=True, pull=False
            )
        except BuildError as error:
            lines = [entry.get("stream") or entry.get("error") or "" for entry in error.build_log]
            raise ImageBuildFailed(
                f"the image `{tag}` could not be built: {error.msg}; the end of the build's log is above",
                detail=_tail("".join(lines).splitlines()),
            ) from error
        except APIError as error:
            raise ImageBuildFailed(f"the image `{tag}` could not be built: {error.explanation}") from error
    return image


def _pack(context: IO[bytes], dockerfile: str, files: Mapping[str, Path]) -> None:
    """A build context whose bytes depend on names and contents alone, readable for the server's user."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile.encode())
        archive.addfile(entry, BytesIO(dockerfile.encode()))
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)


def find_image(client: docker.DockerClient, reference: str) -> BuiltImage | None:
    """The image of that name, if the engine has it."""
    try:
        return client.images.get(reference)
    except ImageNotFound:
        return None


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def image_key(*parts: str) -> str:
    """A tag that names what an image is made of."""
    return sha256_bytes("\0".join(parts).encode()).removeprefix("sha256:")[:12]


def _quoted(value: str) -> str:
    """As a value in a Dockerfile's ENV."""
    return json.dumps(value, ensure_ascii=False).replace("$", "\\$")


def _tail(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines[-LOG_TAIL_LINES:])
