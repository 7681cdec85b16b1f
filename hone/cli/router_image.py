"""`hone router image`: the router as a container's image."""

import sys

from hone.layout import find_layout


def image() -> None:
    """Builds the router's image, without torch and without any configuration, and prints its name.

    Example: docker run --network host -v $PWD/configs:/project/configs:ro $(hone router image)
    """
    from deployment.engines import SOURCES
    from deployment.engines.docker import connect
    from deployment.router_image import build_router
    from hone.settings import load_settings

    layout = find_layout()
    base_image = load_settings(layout).deployment.base_image
    print(build_router(connect(), layout, base_image=base_image, sources=SOURCES, progress=_progress))


def _progress(line: str) -> None:
    print(line, file=sys.stderr)
