"""The `data` part of a recipe."""

from pydantic import Field

from data.allowed import LicenceConfig
from data.corpus import CorpusConfig
from data.examples import TaskConfig
from data.filters import FilterConfig
from data.sources import Source
from hone.config import Config


class DataConfig(Config):
    """What a dataset is made of, and how."""

    sources: tuple[Source, ...] = Field(min_length=1)
    """Where the examples come from; each source once."""
    licences: LicenceConfig = LicenceConfig()
    """Which files may be taken."""
    filters: FilterConfig = FilterConfig()
    """Which of those are worth it."""
    tasks: TaskConfig = TaskConfig()
    """What is made of them."""
    corpus: CorpusConfig | None = None
    """What to pretrain a base model on; null where the recipe names a ready one."""
    seed: int = 0
    """Chooses generated tasks and the order of the corpus; splits do not depend on it."""
