"""The router as an image: base → dependencies → router, without torch. Its configuration is mounted.

Builds only what is missing, and starts nothing.
"""

from pathlib import Path

import docker

from deployment.engines import Progress
from deployment.image import LOCK_WAIT_S, build_image, ensure_dependencies, find_image, image_key
from deployment.sources import files_digest, router_files, router_lock
from hone.files import locked
from hone.layout import Layout

REFERENCE = "hone/router"
PORT = 8100  # inside the container

# The project is /project: its configs/ is mounted, artifacts/ holds what the router keeps. Byte code is compiled now:
# the container's files are read-only.
ROUTER = f"""
FROM {{dependencies}}
COPY app /app
RUN python -m compileall -q /app \
 && mkdir -p /project/configs /project/artifacts/router /project/artifacts/deployments \
 && touch /project/dvc.yaml && chown -R 65532:65532 /project/artifacts
WORKDIR /project
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HONE_ROOT=/project HONE_ROUTER_HOST=0.0.0.0 HONE_ROUTER_PORT={PORT}
VOLUME /project/artifacts/router
USER 65532:65532
EXPOSE {PORT}
HEALTHCHECK --interval=15s --timeout=8s --start-period=15s --retries=3 CMD ["python", "-m", "router.healthcheck"]
CMD ["python", "-m", "router"]
"""


def build_router(
    client: docker.DockerClient, layout: Layout, *, base_image: str, sources: Path, progress: Progress
) -> str:
    """The reference `hone/router:KEY` of the router's image; found where the same was built before.

    Raises `ImageBuildFailed` with the end of the build's log, `DeploymentError` where the sources are not whole.
    """
    files = router_files(sources)
    with locked(layout.cache / "images.lock", what="building an image", wait_s=LOCK_WAIT_S):
        dependencies = ensure_dependencies(
            client, layout, base_image=base_image, lock=router_lock(sources), progress=progress
        )
        reference = f"{REFERENCE}:{image_key(ROUTER, dependencies, files_digest(files))}"
        if find_image(client, reference) is None:
            progress(f"building `{reference}`")
            context = {f"app/{name}": path for name, path in files.items()}
            build_image(client, layout, reference, ROUTER.format(dependencies=dependencies), context)
    return reference
