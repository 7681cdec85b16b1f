"""Every error that Hone raises on purpose.

HoneError
├── ConfigError              a YAML file, key, value or environment variable that cannot be used
├── Busy                     another process holds what this one needs
├── ClusterUnavailable       no Ray cluster that can be used from here
├── DaemonError              a supervised local process that could not be started or stopped
├── AnalysisError            a language or a file that cannot be analysed
├── DataError                a source or dataset that is missing, empty or malformed
├── TrainingError            a run that cannot start or go on
│   └── NonFiniteLoss        the loss became NaN or infinite
├── EvaluationError          evidence that cannot be measured
│   └── IsolationUnavailable no sandbox on this machine: untrusted code is refused
├── RegistryError            a model version that cannot be logged, registered or promoted
│   ├── TrackingUnavailable  the MLflow server does not answer
│   ├── DigestMismatch       the bytes are not the bytes that were registered
│   └── UnsafeArtifact       a pickle, or any other file that can run code when it is read
├── DeploymentError          a deployment that cannot be made, switched or taken back
│   ├── EngineUnavailable    Docker (or whatever the engine needs) does not answer
│   ├── ImageBuildFailed     an image could not be built; carries the build's log
│   ├── NeverHealthy         a new deployment was not ready in time; carries its log
│   └── NothingToRollBackTo  there is no earlier deployment
├── ServingError             a served model that cannot be loaded
└── RouterError              the router cannot start

A message names the thing and the way out, identifiers in backticks. `hone.cli` prints it as one line and
exits with 1; no traceback reaches a user unless `HONE_DEBUG=1` is set.
"""


class HoneError(Exception):
    """The root. `detail` is longer text (a log, a build's output) shown below the one-line message."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class ConfigError(HoneError):
    """A YAML file, key, value or environment variable that cannot be used."""


class Busy(HoneError):
    """Another process holds what this one needs."""


class ClusterUnavailable(HoneError):
    """No Ray cluster that can be used from here."""


class DaemonError(HoneError):
    """A supervised local process could not be started or stopped."""


class AnalysisError(HoneError):
    """A language or a file that cannot be analysed."""


class DataError(HoneError):
    """A source or dataset that is missing, empty or malformed."""


class TrainingError(HoneError):
    """A training run that cannot start or go on."""


class NonFiniteLoss(TrainingError):
    """The loss became NaN or infinite."""


class EvaluationError(HoneError):
    """Evidence that cannot be measured."""


class IsolationUnavailable(EvaluationError):
    """No sandbox on this machine; untrusted code is refused."""


class RegistryError(HoneError):
    """A model version that cannot be logged, registered or promoted."""


class TrackingUnavailable(RegistryError):
    """The MLflow server does not answer."""


class DigestMismatch(RegistryError):
    """The bytes are not the bytes that were registered."""


class UnsafeArtifact(RegistryError):
    """A file that can run code when it is read (a pickle) where only data belongs."""


class DeploymentError(HoneError):
    """A deployment that cannot be made, switched or taken back."""


class EngineUnavailable(DeploymentError):
    """What the deployment engine needs (a Docker engine, say) does not answer."""


class ImageBuildFailed(DeploymentError):
    """An image could not be built."""


class NeverHealthy(DeploymentError):
    """A new deployment was not ready within its deadline."""


class NothingToRollBackTo(DeploymentError):
    """There is no earlier deployment."""


class ServingError(HoneError):
    """A served model that cannot be loaded."""


class RouterError(HoneError):
    """The router cannot start."""
