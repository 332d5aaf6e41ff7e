"""Load a data set of any kind that a config can name."""

from zowarmup.config.datasets import AnyDataset, Dataset, FileData, FolderData, TableData
from zowarmup.data import dataset_file
from zowarmup.data.sources import image_folder, python_file, table


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
