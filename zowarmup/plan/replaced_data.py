"""Check the source files of a config's data sets: they exist and have not changed."""

from collections.abc import Callable
from pathlib import Path

from zowarmup.config import data_files
from zowarmup.config.datasets import AnyDataset, Dataset
from zowarmup.config.source_files import COMPUTED
from zowarmup.plan import source_record
from zowarmup.plan.paths import Paths

Question = Callable[[Path, AnyDataset], str]


def changed(paths: Paths, question: Question = source_record.replaced) -> list[str]:
    """Return what `question` says about each existing data set of a config, unless it is "".

    Raises:
        UserError: the path of the data folder of a missing data set names an unknown user.
    """
    sentences = []
    for name, settings in paths.plan.config.datasets.items():
        data = Path(paths.dataset(name))
        if data.is_file() and data.with_name(source_record.NAME).is_file():
            sentences.append(question(data, settings))
        elif not data.is_file() and not _computed(settings):
            data_files.place(settings)
    return [sentence for sentence in sentences if sentence]


def _computed(settings: AnyDataset) -> bool:
    return isinstance(settings, Dataset) and settings.source in COMPUTED
