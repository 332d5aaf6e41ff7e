"""The job of a data set: reads its source and writes the file that all other jobs read."""

from pathlib import Path

from zowarmup.config import data_files
from zowarmup.config.datasets import AnyDataset
from zowarmup.data import any_dataset, dataset_file
from zowarmup.data.arrays import DataError
from zowarmup.plan import source_record


def make(settings: AnyDataset, compared: str, data: str | Path) -> None:
    """Write dataset.npz, its summary, and the record of its source files.

    Args:
        compared: see `source_record.compared`.

    Raises:
        DataError: the source cannot be used; see `any_dataset.load`.
    """
    place = data_files.place(settings)
    before = source_record.contents(settings, place, data)
    dataset = any_dataset.load(settings)
    after = source_record.contents(settings, place, data)
    if before and after != before:
        raise DataError(
            f"{place}: a file of {data_files.title(settings)} was replaced during reading; run the "
            "job again"
        )
    # First, so that no kill leaves a data set whose source files are not recorded.
    source_record.write(data, after, compared, settings)
    dataset_file.save(dataset, data)
