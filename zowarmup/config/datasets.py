"""The kinds of data sets that a config can name; the keys of each kind are those of its class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from zowarmup.config.phase import Count, Settings
from zowarmup.config.text import File, Identifier

Part = Annotated[float, Field(gt=0, lt=1)]
TEST_SHARE = 0.2  # the usual share; a data set with test data of its own needs none

# The keys that name places. No result depends on them: the contents of the files count.
PLACES = frozenset({"data_dir", "file", "folder", "table", "test_table", "files", "text"})


class Dataset(Settings):
    """Images of a built-in name, or images or features of `<source>.npz` in the data folder."""

    source: str
    data_dir: str | None = None  # else the environment variable ZOWARMUP_DATA_DIR
    images_train: Count | None = None  # the size of a random subset; all by default
    images_test: Count | None = None
    resize: Count | None = None  # height and width after scaling by area means


class FileData(Settings):
    """Arrays that a function in a Python file of the user's own returns.

    The function gets all further keys of the config as keyword arguments.

    load: the name of the function.
    files: the files that the function reads; it gets their paths if there are any.
    """

    model_config = ConfigDict(extra="allow")

    file: File
    load: str
    files: list[File] = []

    @field_validator("file")
    @classmethod
    def _python(cls, file: str) -> str:
        return _ending(file, ".py")

    @model_validator(mode="after")
    def _no_place(self) -> Self:
        """A changed place makes no data set anew, so no argument may be called like one."""
        if taken := sorted(PLACES & (self.model_extra or {}).keys()):
            raise ValueError(
                f"{taken[0]} is a key of other kinds of data; give this argument of {self.load} "
                "another name, and name files that it reads in `files`"
            )
        return self


class FolderData(Settings):
    """Images in a folder for each class, or in `train/` and `test/` with such folders.

    test_share: the share of the images to test on, unless there are both `train` and `test`.
    """

    folder: File
    resize: Count | None = None
    test_share: Part = TEST_SHARE


class TableData(Settings):
    """The rows of a CSV or Parquet file.

    features: the columns with numbers; by default all that are not named otherwise.
    client, tier: the columns that say who holds a row, and whether this client is high-resource.
    test_table: a file with the same columns, whose rows are the test set.
    test_share: without such a file, the share of the rows to test on; 0.2 by default.
    """

    table: File
    label: str
    features: Annotated[list[str], Field(min_length=1)] | None = None
    client: str | None = None
    tier: str | None = None
    test_table: File | None = None
    test_share: Part | None = None

    @field_validator("table", "test_table")
    @classmethod
    def _known_format(cls, file: str | None) -> str | None:
        return file and _ending(file, ".csv", ".parquet")

    @field_validator("features")
    @classmethod
    def _once(cls, features: list[str] | None, info: ValidationInfo) -> list[str] | None:
        for name in features or []:
            if (features or []).count(name) > 1 or name == info.data.get("label"):
                raise ValueError(f"{name} is given twice, or is the label; name each column once")
        return features

    @field_validator("tier")
    @classmethod
    def _of_a_client(cls, tier: str | None, info: ValidationInfo) -> str | None:
        if tier is not None and info.data.get("client") is None:
            raise ValueError("a tier belongs to a client; name its column with the key `client`")
        return tier

    @field_validator("test_share")
    @classmethod
    def _one_test_set(cls, share: float | None, info: ValidationInfo) -> float | None:
        if share is not None and info.data.get("test_table") is not None:
            raise ValueError("test_table is the test set; leave out one of the two keys")
        return share


class Blocks(Settings):
    """Text of natural clients as bytes, cut into blocks of `context` bytes and the next one each.

    context: the bytes that a network sees at once.
    clients: how many clients train, drawn at random; by default all but those of the test set.
    test_clients: how many clients are for testing alone; by default a fifth of all.
    test_tail: the share at the end of each other client's text that is for testing too.
    bytes_least: clients with less text are left out, as those too short for three blocks always.
    bytes_each: the length at which each client's text is cut; by default nothing is cut.
    """

    context: Count = 64
    clients: Count | None = None
    test_clients: Annotated[int, Field(ge=0)] | None = None
    test_tail: Annotated[float, Field(ge=0, lt=1)] = 0.1
    bytes_least: Count = 1
    bytes_each: Count | None = None

    @field_validator("test_tail")
    @classmethod
    def _test_set(cls, tail: float, info: ValidationInfo) -> float:
        if tail == 0 and info.data.get("test_clients") == 0:
            raise ValueError("there would be no test set; give test_tail or test_clients above 0")
        return tail


class TextData(Blocks):
    """Text files: a folder with a file or a sub folder for each client, a play, or JSON lines.

    field, client: of JSON lines, the fields with the text and with the name of its client.
    speakers: divides one text, a play, among its speakers: a line begins with `Name:` (colon), or
        the name is a line of its own in capital letters (capitals).
    """

    text: File
    field: str | None = None
    client: Annotated[str | None, Field(default=None, validate_default=True)]
    speakers: Literal["colon", "capitals"] | None = None

    @field_validator("client")
    @classmethod
    def _both(cls, client: str | None, info: ValidationInfo) -> str | None:
        if (client is None) != (info.data.get("field") is None):
            raise ValueError("JSON lines need `field` and `client`; give both, or none of them")
        return client

    @field_validator("speakers")
    @classmethod
    def _of_a_text(cls, speakers: str | None, info: ValidationInfo) -> str | None:
        if speakers is not None and info.data.get("field") is not None:
            raise ValueError("JSON lines name the client of each text; leave speakers out")
        return speakers


class Docstrings(Blocks):
    """The docstrings of an installed Python package; each module is a client.

    docstrings: the name of the package, such as scipy; it is read, not imported.
    """

    docstrings: Identifier


KINDS: dict[str, type[Settings]] = {
    "source": Dataset,
    "file": FileData,
    "folder": FolderData,
    "table": TableData,
    "text": TextData,
    "docstrings": Docstrings,
}


def _kind(raw: Any) -> str | None:
    """Return the tag of a data set's kind; None if the keys do not name exactly one kind."""
    for key, kind in KINDS.items():
        if isinstance(raw, kind):
            return f"a {key}"
    named = [key for key in KINDS if isinstance(raw, Mapping) and key in raw]
    return f"a {named[0]}" if len(named) == 1 else None


AnyDataset = Annotated[
    Annotated[Dataset, Tag("a source")]
    | Annotated[FileData, Tag("a file")]
    | Annotated[FolderData, Tag("a folder")]
    | Annotated[TableData, Tag("a table")]
    | Annotated[TextData, Tag("a text")]
    | Annotated[Docstrings, Tag("a docstrings")],
    Discriminator(
        _kind,
        custom_error_type="kind_of_data",
        custom_error_message="give exactly one of the keys source, file, folder, table, text and "
        "docstrings",
    ),
]


def read(raw: Mapping[str, Any]) -> AnyDataset:
    """Return the settings of a data set, which a config has checked before."""
    settings: AnyDataset = TypeAdapter(AnyDataset).validate_python(dict(raw))
    return settings


def _ending(file: str, *endings: str) -> str:
    if Path(file).suffix not in endings:
        raise ValueError(f"give a file whose name ends in {' or '.join(endings)}")
    return file
