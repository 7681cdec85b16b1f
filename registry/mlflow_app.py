"""The ASGI application of Hone's own MLflow server; uvicorn runs it inside the `mlflow` daemon.

The same application as `mlflow server` runs, without that launcher's second process. Its database schema is made
before the port opens, so that a server that answers is a server that works. `registry.server` sets its environment.
"""

import os

from mlflow.server import fastapi_app, handlers
from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR


def create_app() -> object:
    """The application, on a database whose schema is complete."""
    database = os.environ[BACKEND_STORE_URI_ENV_VAR]
    handlers.initialize_backend_stores(database, database, os.environ[ARTIFACT_ROOT_ENV_VAR])
    return fastapi_app.app
