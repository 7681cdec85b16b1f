"""What MLflow's client raises, as Hone's errors: one clear line, the client's own text as detail."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import requests
from mlflow.exceptions import MlflowException

from hone.errors import RegistryError, TrackingUnavailable

NOT_FOUND = "RESOURCE_DOES_NOT_EXIST"
ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
SERVER_FAULTS = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED")  # the first: no connection, too


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Raises `TrackingUnavailable` where the server at `uri` fails, `RegistryError` where it refuses a request."""
    try:
        yield
    except MlflowException as error:
        raise _failure(uri, error, refused=error.error_code not in SERVER_FAULTS) from error
    except requests.RequestException as error:  # what the transfer of artifacts raises
        status = error.response.status_code if error.response is not None else HTTPStatus.SERVICE_UNAVAILABLE
        raise _failure(uri, error, refused=status < HTTPStatus.INTERNAL_SERVER_ERROR) from error


@contextmanager
def allowing(code: str) -> Iterator[None]:
    """Lets one of MLflow's error codes pass."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != code:
            raise


def _failure(uri: str, error: Exception, *, refused: bool) -> RegistryError:
    if refused:
        return RegistryError(f"the MLflow server at `{uri}` refused: {str(error).splitlines()[0]}")
    message = f"the MLflow server at `{uri}` stopped answering; start it (`hone up`) and repeat the command"
    return TrackingUnavailable(message, detail=str(error))
