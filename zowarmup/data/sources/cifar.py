"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): downloaded by torchvision, read by `image_rows`."""

import logging
from pathlib import Path
from typing import Any

from zowarmup.data import file_kinds
from zowarmup.data.arrays import KEYS, Arrays, DataError
from zowarmup.data.sources.image_rows import Format, check_sizes, read_batches

log = logging.getLogger("zowarmup")

FORMS = {
    "cifar10": Format("labels", first=0, last=9),
    "cifar100": Format("fine_labels", first=0, last=99),
}
SIZES = 50_000, 10_000


def read(name: str, folder: Path) -> Arrays:
    """The arrays x_train, y_train, x_test, y_test in their official order.

    torchvision downloads the archive unless `folder` has the archive or the unpacked folder, and
    verifies the MD5. Existing batches are used as they are; the log names batches that differ.

    Raises:
        DataError: the download fails; a batch is missing or damaged or has another format; or one
            part is incomplete.
    """
    from torchvision import datasets

    # torchvision's class has the address, names and checksums of the files.
    kind, form = getattr(datasets, name.upper()), FORMS[name]
    place = folder / kind.base_folder
    if not place.exists():
        _download(name, folder, kind)
    train, test = (
        read_batches(_batches(place, files), form) for files in (kind.train_list, kind.test_list)
    )
    arrays = dict(zip(KEYS, train + test, strict=True))
    check_sizes(arrays, SIZES, str(place))
    return arrays


def _download(name: str, folder: Path, kind: Any) -> None:
    from torchvision.datasets.utils import download_and_extract_archive

    archive = folder / kind.filename
    if archive.is_file() and (kind_of_file := file_kinds.instead(archive, file_kinds.GZIP)):
        raise DataError(f"{archive}: not an archive of {name} but {kind_of_file}")
    try:
        download_and_extract_archive(kind.url, folder, filename=kind.filename, md5=kind.tgz_md5)
    # Networks, proxies, disks and archives raise many errors, which all mean the same.
    except Exception as error:
        raise DataError(
            f"{folder}: {name} cannot be downloaded there ({error}); put {name}.npz, "
            f"{kind.filename} or the unpacked folder {kind.base_folder} there"
        ) from error


def _batches(place: Path, files: list[list[str]]) -> list[Path]:
    """Return the files of one part, after a check that all exist."""
    from torchvision.datasets.utils import check_integrity

    for name, md5 in files:
        if not (place / name).is_file():
            raise DataError(
                f"{place}: {name} is missing; put it there, or remove this folder to have it "
                "downloaded again"
            )
        if not check_integrity(place / name, md5):
            log.warning(
                f"{place / name}: the md5 is not that of the official file, so this is your "
                "own data; to download the official file, delete its folder"
            )
    return [place / name for name, _ in files]
