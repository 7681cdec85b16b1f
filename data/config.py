"""The `data` part of a recipe."""

from typing import Literal

from pydantic import Field, model_validator

from data.allowed import LicenceConfig
from data.corpus import CorpusConfig
from data.examples import TaskConfig
from data.filters import FilterConfig
from data.sources import RepositorySource, Source
from data.split import SplitBy
from data.suites import SuiteFile
from hone.config import Config


class DataConfig(Config):
    """What a dataset is made of, and how."""

    sources: tuple[Source, ...]
    """Where the examples come from; each source once."""
    licences: LicenceConfig = LicenceConfig()
    """Which files may be taken."""
    filters: FilterConfig = FilterConfig()
    """Which of those are worth it."""
    redact: bool = True
    """Whether to put placeholders in the place of secrets and personal data."""
    decontaminate: tuple[SuiteFile, ...] = ()
    """Benchmarks that must not be trained on: a file that holds a part of one is left out."""
    split_by: SplitBy | None = None
    """What is held out as a whole: a `file`, or a `repository`; null: repositories where a dataset names them, or else
    files. The hash of its name decides, so that it keeps its side as others come and go."""
    tasks: TaskConfig = TaskConfig()
    """What is made of them."""
    corpus: CorpusConfig | None = None
    """What to pretrain a base model on; null where the recipe names a ready one."""
    seed: int = 0
    """Chooses generated tasks and the order of the corpus; splits do not depend on it."""
    engine: Literal["local", "ray"] = "local"
    """Where files are worked on: in processes of this machine, or on the Ray cluster that it belongs to."""
    workers: int | None = Field(None, ge=0)
    """Processes of this machine; null: one for each core. 0: this very process, without limits of time and memory."""

    @model_validator(mode="after")
    def _has_a_source(self) -> "DataConfig":
        if not self.sources:  # `min_length` would complain of a wrong source too
            raise ValueError("`sources` needs one at least")
        return self

    @model_validator(mode="after")
    def _has_the_history_that_it_wants(self) -> "DataConfig":
        if self.tasks.history and not any(isinstance(one, RepositorySource) and one.history for one in self.sources):
            raise ValueError("`tasks.history` needs a source of kind `repository` with `history: true`")
        return self

    def of_one_file(self) -> dict[str, object]:
        """What decides on a file alone, as plain values."""
        return self.model_dump(mode="json", include={"licences", "filters", "redact", "decontaminate", "tasks"})
