"""Data sets of a config that were made from other files than there are now."""

from collections.abc import Callable
from pathlib import Path

from zowarmup.settings import source_record
from zowarmup.settings.config import Dataset
from zowarmup.settings.paths import Paths

Question = Callable[[Path, Dataset], str]


def changed(paths: Paths, question: Question = source_record.replaced) -> list[str]:
    """The sentences of a question about all data sets of a config that are there."""
    sentences = []
    for name, settings in paths.plan.config.datasets.items():
        data = Path(paths.dataset(name))
        if data.is_file() and data.with_name(source_record.NAME).is_file():
            sentences.append(question(data, settings))
    return [sentence for sentence in sentences if sentence]
