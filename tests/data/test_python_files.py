"""Functions of the user's own that return arrays: what is accepted, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zowarmup.common.errors import UserError
from zowarmup.config import datasets
from zowarmup.data import any_dataset, dataset_file

# A function with 12 + 4 examples of two classes; a test replaces parts of it.
TEXT = """
import numpy as np

def make(scale=1, files=()):
    x = scale * np.arange(48.0).reshape(16, 3)
    y = np.arange(16) % 2
    parts = dict(x_train=x[:12], y_train=y[:12], x_test=x[12:], y_test=y[12:])
    return parts
"""


def write(folder: Path, text: str = TEXT) -> str:
    file = folder / "my_data.py"
    file.write_text(text, encoding="utf-8")
    return str(file)


def load(file: str, **keys: Any) -> dataset_file.Dataset:
    return any_dataset.load(datasets.read({"file": file, "load": "make", **keys}))


# --- what is accepted -----------------------------------------------------------------------


def test_further_keys_are_arguments(tmp_path: Path) -> None:
    data = load(write(tmp_path), scale=3)
    np.testing.assert_array_equal(data.x_train[1], [9, 12, 15])
    assert data.x_train.dtype == np.float32
    np.testing.assert_allclose(data.images("train").mean(0), 0, atol=1e-6)


def test_named_files_are_paths(tmp_path: Path) -> None:
    (tmp_path / "raw.bin").write_bytes(bytes([7]))
    text = TEXT.replace("x = scale", "x = files[0].read_bytes()[0]")
    data = load(write(tmp_path, text), files=[str(tmp_path / "raw.bin")])
    assert data.x_train[0, 1] == 7


def test_tensors_of_torch(tmp_path: Path) -> None:
    text = TEXT.replace("x = scale * np.arange(48.0)", "x = torch.arange(48.0)")
    text = text.replace("y = np.arange", "y = torch.arange").replace(
        "import", "import torch\nimport"
    )
    expected = load(write(tmp_path)).sha256
    assert load(write(tmp_path, text)).sha256 == expected
    text = text.replace("reshape(16, 3)", "reshape(16, 3).requires_grad_()")
    assert load(write(tmp_path, text)).sha256 == expected


def test_bytes_are_images(tmp_path: Path) -> None:
    """The layout may be any that a source NAME.npz may have."""
    text = TEXT.replace("(16, 3)", "(16, 1, 3)[:, [0] * 8].repeat(3, 2)")
    text = text.replace("    y = ", "    x = x.astype(np.uint8)\n    y = ")
    data = load(write(tmp_path, text))
    assert data.x_train.shape == (12, 1, 8, 9)
    assert data.scale == 255


def test_floats_of_more_axes_are_scaled_along_the_first(tmp_path: Path) -> None:
    text = TEXT.replace("(16, 3)", "(16, 3, 1).repeat(5, 2)")
    data = load(write(tmp_path, text))
    assert (data.x_train.shape, data.mean.shape) == ((12, 3, 5), (3,))
    np.testing.assert_allclose(data.images("train").mean((0, 2)), 0, atol=1e-6)


def test_integers_are_tokens(tmp_path: Path) -> None:
    data = load(write(tmp_path, TEXT.replace("48.0", "48")))
    assert data.x_train.dtype == np.int64
    assert data.images("test") is data.x_test
    dataset_file.save(data, tmp_path / "dataset.npz")
    assert dataset_file.load(tmp_path / "dataset.npz").sha256 == data.sha256


def test_clients_and_tiers(tmp_path: Path) -> None:
    text = TEXT.replace("return parts", "return parts | dict(client_train=c, tiers=tiers)")
    text = text.replace(
        "    parts",
        "    c = np.arange(12) % 3 * 5\n    tiers = {0: 'low', 5: 'high', 10: 'low'}\n    parts",
    )
    given = load(write(tmp_path, text)).given
    assert given
    assert given.high is not None
    assert given.names.tolist() == ["0", "5", "10"]  # as numbers, not as texts
    assert given.train.tolist() == [0, 1, 2] * 4
    assert given.high.tolist() == [False, True, False]


# --- what is refused ------------------------------------------------------------------------


def returning(more: str, before: str = "") -> str:
    return TEXT.replace("    return parts", f"    {before}\n    return parts | dict({more})")


CLIENTS = "client_train=np.arange(12) % 3"
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "not Python": ("def make(:", {}, r"my_data\.py, line 1: .*correct it"),
    "no function": ("import numpy", {}, "has no make; define it there"),
    "no such function": (TEXT.replace("def make", "def made"), {}, "has no make; .* one of: made"),
    "no callable": ("make = 3", {}, "make is no function; name a function with `load`"),
    "an import that fails": ("import nowhere\n" + TEXT, {}, r"line 1, .*No module named 'nowhere'"),
    "an unknown key": (TEXT, {"scal": 3}, "unexpected keyword argument 'scal'"),
    "an error": (TEXT.replace("(16, 3)", "(16, 4)"), {}, r"line 5, in make: .*cannot reshape"),
    "no such file": (TEXT, {"files": ["raw.bin"]}, r"raw\.bin: no such file; put it there"),
    "a list": (
        TEXT.replace("return parts", "return [parts]"),
        {},
        "returns a list but must return",
    ),
    "nothing": (
        TEXT.replace("return parts", "pass"),
        {},
        "returns a NoneType but must return a dict",
    ),
    "a missing array": (TEXT.replace("x_test=", "x_tests="), {}, "no x_test .it returns x_train,"),
    "a strange array": (
        returning("clients=1"),
        {},
        "returns clients; remove it, or use one of x_tr",
    ),
    "ragged lists": (returning("x_test=[[1], [1, 2]]"), {}, "x_test cannot become an array"),
    "other features": (returning("x_test=x[12:, :2]"), {}, r"shape \(2,\) but x_train has \(3,\)"),
    "other kinds": (
        returning("x_test=x[12:].astype(int)"),
        {},
        "x_test holds token rows but x_train holds feature rows; store both with one number type",
    ),
    "NaN": (
        returning("", "x[3, 1] = np.nan"),
        {},
        r"x_train\[3, 1\] is nan as float32 but must be",
    ),
    "too large": (returning("", "x[13, 1] = 1e39"), {}, r"x_test\[1, 1\] is inf as float32"),
    "one axis": (
        returning("x_train=x[:12, 0]"),
        {},
        r"x_train has dtype float64 but must be uint8",
    ),
    "six axes": (TEXT.replace("(16, 3)", "(16, 3, 1, 1, 1, 1)"), {}, "at most 5 axes; reshape it"),
    "no features": (
        TEXT.replace("48.0).reshape(16, 3)", "0.0).reshape(16, 0)"),
        {},
        "at least one v",
    ),
    "negative tokens": (TEXT.replace("48.0", "-1, 47"), {}, "tokens from -1 to .* from 0 on"),
    "labels of texts": (returning("y_train=np.array(['a', 'b'] * 6)"), {}, "return_inverse=True"),
    "labels from 1": (TEXT.replace("% 2", "% 2 + 1"), {}, "subtract 1 from y_train and y_test"),
    "too few labels": (returning("y_test=y[:3]"), {}, "4 feature rows but y_test has 3 labels"),
    "too few clients": (returning("client_train=np.arange(3)"), {}, "3 entries but there are 12"),
    "clients in columns": (returning("client_train=np.ones((12, 1), int)"), {}, r"shape \(12, 1\)"),
    "measured clients": (
        returning("client_train=np.ones(12)"),
        {},
        "dtype float64 .* integer or te",
    ),
    "a nameless client": (
        returning("client_train=np.array(['a'] * 11 + [None])"),
        {},
        r"client_train\[11\] is None but must be the name of a client, like 'a'",
    ),
    "an empty name": (returning("client_train=['a'] * 11 + ['']"), {}, r"client_train\[11\] is ''"),
    "tiers alone": (returning("tiers={}"), {}, "tiers needs client_train; return the client"),
    "tiers in a list": (returning(CLIENTS + ", tiers=['high']"), {}, "tiers is a list but must be"),
    "no tier": (returning(CLIENTS + ", tiers={0: 'high', 1: 'low'}"), {}, "client 2 is missing"),
    "a wrong tier": (
        returning(CLIENTS + ", tiers={0: 'high', 1: 'low', 2: 'middle'}"),
        {},
        "client 2 is 'middle' but must be 'high' or 'low'",
    ),
    "a tier of nobody": (
        returning(CLIENTS + ", tiers=dict.fromkeys(range(4), 'high')"),
        {},
        "client 3 has a tier but no training example",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_function_says_what_to_change(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, keys, message = REFUSED[case]
    with pytest.raises(UserError, match=message) as error:
        load(write(tmp_path, text), **keys)
    assert ("raw.bin" if case == "no such file" else "my_data.py") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="No such file or directory; put it there, or give the path of a Python file",
    ):
        load(str(tmp_path / "my_data.py"))
