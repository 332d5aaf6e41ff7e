"""Check the source files of a config's data sets: they exist and have not changed."""

from collections.abc import Callable
from pathlib import Path

from zowarmup.config.schema import Dataset
from zowarmup.config.source_files import COMPUTED, folder_of
from zowarmup.plan import source_record
from zowarmup.plan.paths import Paths

Question = Callable[[Path, Dataset], str]


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
        elif not data.is_file() and settings.source not in COMPUTED:
            folder_of(settings.data_dir)
    return [sentence for sentence in sentences if sentence]
