"""One MLflow run per training run: parameters, the curve step by step, system metrics, dataset, commit, files.

Training never waits for the server: points are queued, sent by a thread, and kept while the server is away. A resumed
run goes on in the MLflow run that it began. Registers nothing: the registry does.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.tracking import MlflowClient

from hone.errors import TrackingUnavailable
from hone.files import write_atomic
from hone.records import Record
from training.trainer import Progress

CURVE = {"loss": "loss", "learning_rate": "learning_rate", "gradient_norm": "grad_norm"}  # ours → the trainer's name
FLUSH_S = 2.0  # between two samples of the machine, too
BATCH_METRICS = 900  # MLflow takes 1,000 in one call
FINISH_TIMEOUT_S = 20.0  # longer than our own server takes to restart

log = structlog.get_logger()


class RunFile(Record, frozen=True):
    """Which MLflow run a training run began, kept beside its checkpoints."""

    run_id: str


class RunFacts(Record, frozen=True):
    """What is known of a run before it starts."""

    name: str
    parameters: dict[str, str]
    tags: dict[str, str]
    dataset_name: str
    dataset_digest: str


class Tracker:
    """Sends one run to MLflow. Use as a context manager: leaving it ends the run as finished or failed."""

    def __init__(
        self, uri: str, experiment: str, facts: RunFacts, folder: Path, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.uri = uri
        self.clock = clock
        self.client = MlflowClient(uri)
        self.queue: list[Metric] = []
        self.lock = threading.Lock()  # of the queue
        self.sending = threading.Lock()
        self.stopping = threading.Event()
        self.away = False
        try:
            self.run_id = self._begin(experiment, facts, folder / "run.json")
            self.began_at = self.client.get_run(self.run_id).info.start_time / 1000
        except MlflowException as error:
            raise TrackingUnavailable(
                f"the MLflow server at {uri} does not take a run; start it with `hone up`", detail=str(error)
            ) from error
        # Only read from: its own thread would stop for good at the first answer that the server owes it.
        self.monitor = SystemMetricsMonitor(self.run_id, tracking_uri=uri)
        self.sender = threading.Thread(target=self._send_forever, name="tracking", daemon=True)

    def __enter__(self) -> "Tracker":
        self.sender.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.stopping.set()
        self.sender.join()
        if kind is None:
            self._flush_by(time.monotonic() + FINISH_TIMEOUT_S)
            self._finish()
        else:
            with contextlib.suppress(MlflowException):
                self.client.set_terminated(self.run_id, "FAILED")

    def __call__(self, progress: Progress) -> None:
        """Queues one point of each curve."""
        self.measure(
            {
                "loss": progress.loss,
                "learning_rate": progress.learning_rate,
                "gradient_norm": progress.gradient_norm,
                "tokens_per_s": progress.tokens_per_s,
            },
            progress.step,
        )

    def measure(self, values: Mapping[str, float], step: int = 0) -> None:
        """Queues metrics at a step."""
        now_ms = int(self.clock() * 1000)
        with self.lock:
            self.queue += [Metric(name, float(value), now_ms, step) for name, value in values.items()]

    def complete(self, curve: Sequence[Mapping[str, float]]) -> None:
        """Queues the points of a finished curve that the run lacks: those of a process that ended before it sent them.

        Raises `TrackingUnavailable`.
        """
        self._flush_by(time.monotonic() + FINISH_TIMEOUT_S)
        try:
            sent = {point.step for point in self.client.get_metric_history(self.run_id, "loss")}
        except MlflowException as error:
            raise self._gone(error) from error
        for point in curve:
            if int(point["step"]) not in sent:
                values = {name: point[logged] for name, logged in CURVE.items() if logged in point}
                self.measure(values, int(point["step"]))

    def attach(self, path: Path, folder: str = "") -> None:
        """Uploads a file or a folder to the run. Raises `TrackingUnavailable`."""
        try:
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), folder or None)
            else:
                self.client.log_artifact(self.run_id, str(path), folder or None)
        except Exception as error:  # requests' and MLflow's own errors share no root
            raise self._gone(error) from error

    def _begin(self, experiment: str, facts: RunFacts, file: Path) -> str:
        """Creates the run, or takes up the one that this training run began before it was killed."""
        with contextlib.suppress(OSError, msgspec.DecodeError, MlflowException):
            run_id = msgspec.json.decode(file.read_bytes(), type=RunFile).run_id
            self.client.update_run(run_id, status="RUNNING")
            return run_id
        found = self.client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else self.client.create_experiment(experiment)
        run = self.client.create_run(experiment_id, run_name=facts.name, tags={"mlflow.source.name": "dvc repro"})
        run_id = str(run.info.run_id)
        self.client.log_batch(
            run_id,
            params=[Param(name, value) for name, value in facts.parameters.items()],
            tags=[RunTag(name, value) for name, value in facts.tags.items()],
        )
        dataset = Dataset(
            facts.dataset_name, facts.dataset_digest.removeprefix("sha256:")[:36], "local", facts.dataset_digest
        )
        self.client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
        write_atomic(file, msgspec.json.encode(RunFile(run_id=run_id)))
        return run_id

    def _send_forever(self) -> None:
        self._sample()
        while not self.stopping.wait(FLUSH_S):
            self._sample()
            self._flush()

    def _sample(self) -> None:
        """Queues what the machine is doing: processor, memory, disk, network, GPU. The step is the run's second."""
        self.monitor.collect_metrics()
        values = self.monitor.aggregate_metrics()
        for monitor in self.monitor.monitors:
            monitor.clear_metrics()
        second = int(self.clock() - self.began_at)
        self.measure({f"system/{name}": value for name, value in values.items()}, second)

    def _flush(self) -> bool:
        """Sends what is queued; keeps it and says so once where the server is away. One thread at a time."""
        with self.sending:
            with self.lock:
                batch = self.queue[:BATCH_METRICS]
            if not batch:
                return True
            try:
                self.client.log_batch(self.run_id, metrics=batch)
            except Exception as error:  # whatever it is, training goes on
                if not self.away:
                    away = "the MLflow server is away; metrics are kept until it is back"
                    log.warning(away, uri=self.uri, error=str(error)[:200])
                self.away = True
                return False
            self.away = False
            with self.lock:
                del self.queue[: len(batch)]
            return True

    def _flush_by(self, deadline: float) -> None:
        while self.queue:
            if not self._flush():
                if time.monotonic() > deadline:
                    raise self._gone(None)
                time.sleep(1.0)

    def _finish(self) -> None:
        try:
            self.client.set_terminated(self.run_id, "FINISHED")
        except MlflowException as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception | None) -> TrackingUnavailable:
        return TrackingUnavailable(
            f"the MLflow server at {self.uri} went away; the finished training is kept: start it with `hone up` "
            "and run again, only what is missing is sent",
            detail=str(error or ""),
        )
