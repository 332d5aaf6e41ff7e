"""The job of a data set: reads its source and writes the file that all other jobs read."""

from pathlib import Path

from zowarmup.config.schema import Dataset
from zowarmup.config.source_files import folder_of
from zowarmup.data import dataset_file
from zowarmup.data.arrays import DataError
from zowarmup.plan import source_record


def make(settings: Dataset, compared: str, data: str | Path) -> None:
    """Write dataset.npz, its summary, and the record of its source files.

    Args:
        compared: see `source_record.compared`.

    Raises:
        DataError: the source cannot be used; see `dataset_file.load_source`.
    """
    folder = folder_of(settings.data_dir)
    before = source_record.contents(settings.source, folder, data)
    dataset = dataset_file.load_source(**{"name" if k == "source" else k: v for k, v in settings})
    after = source_record.contents(settings.source, folder, data)
    if before and after != before:
        raise DataError(
            f"{folder}: a file of {settings.source} was replaced during reading; run the job again"
        )
    # First, so that no kill leaves a data set whose source files are not recorded.
    source_record.write(data, after, compared, settings)
    dataset_file.save(dataset, data)
