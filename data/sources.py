"""What a dataset may be made of, as a recipe says it: repositories, installed packages, folders, datasets.

How they are read is said in `data.reading`.
"""

import re
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, model_validator

from analysis import language_of
from data.generated import GeneratedSource
from hone.config import Config

EVERYTHING = ("**",)
NO_TESTS = (
    "**/tests/**",
    "**/test/**",
    "**/test_*.py",
    "**/conftest.py",
    "**/_vendor/**",
    "**/*_pb2.py",
)

Globs = tuple[str, ...]
Name = Annotated[str | None, Field(min_length=1, pattern=r"^[^\s/:#][^\s:#]*$")]


class RepositorySource(Config):
    """The files of one git commit, and its history where that is wanted."""

    kind: Literal["repository"]
    path: str | None = None
    """A local git repository, bare or not, relative to the project; its commits are read, never its work tree."""
    url: str | None = Field(None, pattern=r"^([a-z+]+://|[^\s/:-][^\s/:]*@?[^\s/:]*:)\S+$")
    """Where git fetches the commit from (https, ssh, file). Exactly one of `path` and `url`."""
    commit: str | None = Field(None, pattern=r"^[^-\s]\S*$")
    """The commit, tag or branch to read; null: HEAD. Pin a full commit id: only that gives the same dataset again."""
    history: bool = False
    """Whether to make examples of its past commits too; with `url` that fetches all of it."""
    name: Name = None
    """What the dataset calls it; null: the last part of the path or URL."""
    licence: str | None = None
    """The SPDX expression that holds, whatever stands in its files; null: what is found there."""
    include: Globs = EVERYTHING
    """Files to read: `*` is any part of a name, `**/` any folders, `?` one character. Of those, the ones in a known
    language."""
    exclude: Globs = NO_TESTS
    """Files to leave out of those: tests, other people's code, generated code."""
    heldout_fraction: float = Field(0.15, gt=0, lt=1)
    """The share that is held out; see `split_by`."""

    @model_validator(mode="before")
    @classmethod
    def _is_no_package(cls, values: object) -> object:
        if isinstance(values, dict) and "package" in values:
            raise ValueError("an installed package is a source of its own kind: `{kind: package, package: NAME}`")
        return values

    @model_validator(mode="after")
    def _names_one_tree(self) -> "RepositorySource":
        if (self.path is None) == (self.url is None):
            raise ValueError("a repository source needs exactly one of `path` and `url`")
        return self


class PackageSource(Config):
    """The files of a package that is installed beside Hone."""

    kind: Literal["package"]
    package: str
    """Its name as distribution or import."""
    name: Name = None
    """What the dataset calls it; null: the distribution's name."""
    licence: str | None = None
    """As of a repository; null: what the package's metadata says."""
    include: Globs = EVERYTHING
    exclude: Globs = NO_TESTS
    heldout_fraction: float = Field(0.15, gt=0, lt=1)


class FolderSource(Config):
    """The files below a folder, as they are now."""

    kind: Literal["folder"]
    path: str
    """Relative to the project."""
    name: Name = None
    """What the dataset calls it; null: the folder's name."""
    licence: str | None = None
    """As of a repository; null: what the licence files at its top say."""
    include: Globs = EVERYTHING
    exclude: Globs = NO_TESTS
    heldout_fraction: float = Field(0.15, gt=0, lt=1)


class Columns(Config):
    """What a dataset's columns are called; null where it has none."""

    text: str = "text"
    path: str | None = None
    """The file's path in its repository; its ending says the language."""
    language: str | None = None
    licence: str | None = None
    """SPDX, or a list of them, of which all hold."""
    repository: str | None = None
    """What is split as one."""
    commit: str | None = None

    @property
    def named(self) -> list[str]:
        """The columns to read, each once."""
        return list(dict.fromkeys(column for column in self.model_dump().values() if column))


class DatasetSource(Config):
    """The rows of a dataset on this machine: each is a file."""

    kind: Literal["dataset"]
    path: str
    """A `.jsonl` or `.parquet` file, a folder of them, or one that `datasets` saved; relative to the project."""
    columns: Columns = Columns()
    name: Name = None
    """What the dataset calls it; null: the name of the file or folder."""
    language: str | None = None
    """The language of rows that do not say theirs."""
    licence: str | None = None
    """The licence of every row; null: what its column says."""
    heldout_fraction: float = Field(0.15, gt=0, lt=1)

    @model_validator(mode="after")
    def _knows_a_language(self) -> "DatasetSource":
        if not (self.language or self.columns.language or self.columns.path):
            raise ValueError("say the rows' language: `language`, or one of `columns.language` and `columns.path`")
        return self


FileSource = RepositorySource | PackageSource | FolderSource | DatasetSource
TreeSource = RepositorySource | PackageSource | FolderSource
Source = Annotated[
    GeneratedSource | RepositorySource | PackageSource | FolderSource | DatasetSource, Field(discriminator="kind")
]


def wants(source: TreeSource, path: str) -> bool:
    """Whether a file is to be read, by its path within the source."""
    return language_of(path) is not None and _matches(path, source.include) and not _matches(path, source.exclude)


def _matches(path: str, globs: Globs) -> bool:
    return any(_pattern(glob).fullmatch(path) for glob in globs)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression; the standard library's own knows no `**` before Python 3.13."""
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts), re.DOTALL)
