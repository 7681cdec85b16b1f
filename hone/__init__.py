"""The kernel: records, configuration, errors and the command line. Knows nothing of models, MLflow or Docker."""

__version__ = "0.1.0"
