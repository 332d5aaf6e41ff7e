"""The kind of a file with a wrong name, found from its first bytes, and what to do."""

from pathlib import Path

ZIP, PICKLE, NPY, GZIP = b"PK\x03\x04", b"\x80", b"\x93NUMPY", b"\x1f\x8b"
AGAIN = "it may be truncated or changed: get it again from its owner"
SAVEZ = "read it and write its arrays with numpy.savez(file, x_train=..., y_train=..., ...)"
UNPACK = "unpack it first"
IMAGE = "put all images into arrays and write these with numpy.savez"

# First bytes, the kind of file, and what to do.
SIGNATURES = (
    (b"version https://git-lfs", "a Git LFS pointer", "run `git lfs pull` in its repository"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", SAVEZ.replace("read it", "read it with h5py")),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", SAVEZ.replace("read it", "read it with scipy.io")),
    (b"PAR1", "a Parquet file", SAVEZ.replace("read it", "read it with pandas")),
    (GZIP, "a gzip file", f"{UNPACK}: gunzip or tar -xzf"),
    (b"BZh", "a bzip2 file", f"{UNPACK}: bunzip2 or tar -xjf"),
    (b"\xfd7zXZ\x00", "an xz file", f"{UNPACK}: unxz or tar -xJf"),
    (b"\x89PNG", "a PNG image", IMAGE),
    (b"\xff\xd8\xff", "a JPEG image", IMAGE),
)


def instead(path: Path, wanted: bytes = ZIP) -> str:
    """Return the kind of an unreadable file and what to do: "an empty file; copy it again".

    "" if the file begins like a file of the `wanted` kind, or like no kind of this module.
    """
    with path.open("rb") as file:
        first = file.read(512)
    if not first.strip(b"\0"):
        what = "an empty file" if not first else "a file of zeros"
        return f"{what}; the copy or download failed, copy it again"
    if first.startswith(wanted):
        return ""
    if first.startswith(ZIP):
        return f"a zip archive; {UNPACK}: unzip, or rename it to NAME.npz if it is an .npz file"
    if first.startswith(NPY):
        return "one plain array; write all arrays into one file with numpy.savez"
    if wanted != PICKLE and first[:1] == PICKLE and first[1:2] in b"\2\3\4\5":
        return f"a pickle, which could run code; {SAVEZ}, if you trust it"
    for start, what, remedy in SIGNATURES:
        if first.startswith(start):
            return f"{what}; {remedy}"
    if first[257:262] == b"ustar":
        return f"a tar archive; {UNPACK}: tar -xf"
    return _text(first, wanted)


def _text(first: bytes, wanted: bytes) -> str:
    try:
        text = first.decode("utf-8", errors="strict" if len(first) < 512 else "ignore").strip()
    except UnicodeDecodeError:
        return ""
    if text[:1] == "<":
        return "a web page or XML; log in or accept the terms, and download the file itself"
    if wanted == PICKLE or not all(c.isprintable() or c.isspace() for c in text):
        return ""  # the oldest pickles are text
    line = text.splitlines()[0][:40]
    return f"a text file that begins with {line!a}; get the data themselves, or {SAVEZ}"
