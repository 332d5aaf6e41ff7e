"""Load a data set of any kind that a config can name."""

from zowarmup.config.datasets import (
    AnyDataset,
    Dataset,
    Docstrings,
    FileData,
    FolderData,
    TableData,
    TextData,
)
from zowarmup.data import dataset_file, text_blocks
from zowarmup.data.sources import docstrings, image_folder, python_file, table, text


def load(settings: AnyDataset) -> dataset_file.Dataset:
    """Return the data set that the settings describe.

    Raises:
        DataError: one sentence with the file and what to type.
    """
    match settings:
        case Dataset():
            given = settings.model_dump()
            return dataset_file.load_source(given.pop("source"), **given)
        case FileData():
            return python_file.read(settings)
        case FolderData():
            return image_folder.read(settings)
        case TableData():
            return table.read(settings)
        case TextData():
            return text_blocks.dataset(text.read(settings), settings)
        case Docstrings():
            return text_blocks.dataset(docstrings.read(settings.docstrings), settings)
