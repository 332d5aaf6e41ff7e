"""Checks of the files of all data sets of a config: found, and the same that were read."""

from collections.abc import Callable
from pathlib import Path

from zowarmup.config.schema import Dataset
from zowarmup.config.source_files import COMPUTED, folder_of
from zowarmup.plan import source_record
from zowarmup.plan.paths import Paths

Question = Callable[[Path, Dataset], str]


def check_folders(paths: Paths) -> None:
    """Check that the data folder of every data set still to be made has a path.

    Raises:
        UserError: see `user_paths.expanded`.
    """
    for name, settings in paths.plan.config.datasets.items():
        if settings.source not in COMPUTED and not Path(paths.dataset(name)).is_file():
            folder_of(settings.data_dir)


def changed(paths: Paths, question: Question = source_record.replaced) -> list[str]:
    """The sentences that a question gives for the existing data sets of a config."""
    sentences = []
    for name, settings in paths.plan.config.datasets.items():
        data = Path(paths.dataset(name))
        if data.is_file() and data.with_name(source_record.NAME).is_file():
            sentences.append(question(data, settings))
    return [sentence for sentence in sentences if sentence]
