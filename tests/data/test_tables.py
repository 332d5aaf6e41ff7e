"""Tables of the user's own: what becomes a data set, and what is refused in one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zowarmup.common.errors import UserError
from zowarmup.config.datasets import TableData
from zowarmup.data import any_dataset, dataset_file

HEADER = "age,bmi,hospital,tier,diagnosis\n"


def rows(n: int = 24) -> list[str]:
    """Three classes in turn, four hospitals, the first two of them high-resource."""
    tiers, classes = ("high", "high", "low", "low"), ("flu", "cold", "none")
    return [f"{20 + i},{i * 0.5},h{i % 4},{tiers[i % 4]},{classes[i % 3]}" for i in range(n)]


def table(folder: Path, lines: list[str], header: str = HEADER, name: str = "survey.csv") -> str:
    file = folder / name
    file.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(file)


def settings(file: str, **keys: Any) -> TableData:
    return TableData(**{"table": file, "label": "diagnosis", "features": ["age", "bmi"], **keys})


def load(file: str, **keys: Any) -> dataset_file.Dataset:
    return any_dataset.load(settings(file, **keys))


# --- what is accepted -----------------------------------------------------------------------


def test_a_table_becomes_standardised_features(tmp_path: Path) -> None:
    """Classes are the sorted labels; mean and deviation are those of the training rows."""
    data = load(table(tmp_path, rows()), test_table=table(tmp_path, rows(6), name="later.csv"))
    assert (data.x_train.shape, data.x_test.shape) == ((24, 2), (6, 2))
    assert data.x_train.dtype == np.float32
    assert data.y_train[:3].tolist() == [1, 0, 2]  # cold, flu, none
    age = np.arange(20, 44)
    assert data.mean[0] == np.float32(age.mean())
    assert data.std[0] == np.float32(age.std())
    np.testing.assert_allclose(data.images("train").mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(data.images("train").std(0), 1, rtol=1e-6)
    first = (np.float32(20) - data.mean[0]) / data.std[0]
    assert data.images("test")[0, 0] == first
    assert (data.scale, data.given) == (1.0, None)


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    data = load(table(tmp_path, rows()), client="hospital", tier="tier")
    dataset_file.save(data, tmp_path / "dataset.npz")
    read = dataset_file.load(tmp_path / "dataset.npz")
    assert read.sha256 == data.sha256
    assert read.given
    assert read.given.high is not None
    assert read.given.names.tolist() == ["h0", "h1", "h2", "h3"]
    assert read.given.high.tolist() == [True, True, False, False]


def test_features_are_the_columns_that_nothing_else_names(tmp_path: Path) -> None:
    file = table(tmp_path, rows())
    data = load(file, features=None, client="hospital", tier="tier")
    assert data.x_train.shape[1] == 2
    again = load(file, client="hospital", tier="tier")
    assert data.sha256 == again.sha256


def test_numbers_as_labels_and_as_clients_keep_their_order(tmp_path: Path) -> None:
    """2 before 10, which texts would not do."""
    lines = [f"{i},{10 if i % 2 else 2},{(2, 10, 9)[i % 3]}" for i in range(30)]
    file = table(tmp_path, lines, "x,site,y\n")
    data = load(file, label="y", features=["x"], client="site", test_share=0.2)
    assert data.classes == 3
    assert data.given
    assert data.given.names.tolist() == ["2", "10"]


def test_the_share_of_each_class_is_drawn_for_testing(tmp_path: Path) -> None:
    """Stratified: a class with 2 rows has one in each part. The name of the file keys the draw."""
    lines = [f"{i},{'rare' if i < 2 else 'often'}" for i in range(42)]
    data = load(table(tmp_path, lines, "x,y\n"), label="y", features=["x"])
    assert np.bincount(data.y_test).tolist() == [8, 1]
    assert np.bincount(data.y_train).tolist() == [32, 1]
    again = load(table(tmp_path, lines, "x,y\n"), label="y", features=["x"])
    assert again.sha256 == data.sha256
    other = load(table(tmp_path, lines, "x,y\n", "other.csv"), label="y", features=["x"])
    assert other.sha256 != data.sha256


def test_a_constant_column_becomes_zero(tmp_path: Path) -> None:
    lines = [f"0.1,{i},{i % 2}" for i in range(20)]
    data = load(table(tmp_path, lines, "same,x,y\n"), label="y", features=["same", "x"])
    assert (data.images("train")[:, 0] == 0).all()


# --- what is refused ------------------------------------------------------------------------


def with_row(line: str) -> list[str]:
    return [*rows(), line]


REFUSED: dict[str, tuple[list[str], str, dict[str, Any], str]] = {
    "no rows": ([], HEADER, {}, "there is no row below the column names"),
    "nothing": ([], "", {}, "cannot be read as a table .*No columns"),
    "binary": ([], "\0\1\n\0", {}, "there is no column diagnosis|cannot be read"),
    "no label": (
        rows(),
        HEADER,
        {"label": "ilness"},
        "no column ilness; name one .* age, bmi, hos",
    ),
    "no feature": (rows(), HEADER, {"features": ["height"]}, "there is no column height"),
    "no client": (rows(), HEADER, {"client": "site"}, "there is no column site"),
    "no tier": (rows(), HEADER, {"client": "hospital", "tier": "size"}, "no column size"),
    "a word": (
        with_row("old,1,h0,high,flu"),
        HEADER,
        {},
        "row 25 below the column names, column age: 'old' is not a finite number; replace it",
    ),
    "an empty cell": (with_row("30,,h0,high,flu"), HEADER, {}, "row 25 .*, column bmi: .*nan"),
    "infinite": (with_row("inf,1,h0,high,flu"), HEADER, {}, "row 25 .*, column age: .*inf"),
    "too large": (with_row("1e39,1,h0,high,flu"), HEADER, {}, "row 25 .*, column age: .*1e\\+39"),
    "words as features": (rows(), HEADER, {"features": None}, "column hospital: 'h0' is not a fin"),
    "no label in a row": (
        with_row("30,1,h0,high,"),
        HEADER,
        {},
        "row 25 .*, column diagnosis: the value is missing; add it, or leave the row out",
    ),
    "no client in a row": (
        with_row("30,1,,high,flu"),
        HEADER,
        {"client": "hospital"},
        "row 25 .*, column hospital: the value is missing",
    ),
    "two tiers": (
        with_row("30,1,h0,low,flu"),
        HEADER,
        {"client": "hospital", "tier": "tier"},
        "column tier: client h0 is 'low' in this row but 'high' above; give a client one tier",
    ),
    "another tier": (
        [line.replace("low", "weak") for line in rows()],
        HEADER,
        {"client": "hospital", "tier": "tier"},
        "column tier is 'weak' but must be 'high' or 'low'",
    ),
    "measured clients": (rows(), HEADER, {"client": "bmi"}, "column bmi has dtype float64 .*name"),
    "measured labels": (
        rows(),
        HEADER,
        {"label": "age"},
        "age is given twice|has 24 different val",
    ),
    "one class": (
        [f"{i},1,h0,high,flu" for i in range(9)],
        HEADER,
        {},
        "all feature rows are of on",
    ),
    "one row of a class": (
        with_row("30,1,h0,high,rare"),
        HEADER,
        {},
        "class 3 has only one example",
    ),
    "more fields": (
        [f"{i},1,h0,high,flu,7" for i in range(9)],
        HEADER,
        {},
        "cannot be read as a table .*Length of header",
    ),
    "ragged": (with_row("30,1,h0,high,flu,7"), HEADER, {}, "cannot be read as a table .*line 26"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_table_says_what_to_type(case: str, tmp_path: Path) -> None:
    lines, header, keys, message = REFUSED[case]
    file = table(tmp_path, lines, header)
    with pytest.raises(ValueError, match=message) as error:
        load(file, **keys)
    if isinstance(error.value, UserError):
        assert str(error.value).startswith(file)
        assert "\n" not in str(error.value)


TESTS: dict[str, tuple[str, list[str], str]] = {
    "an unknown class": (
        HEADER,
        ["30,1,h0,high,ague"],
        "row 1 .*no row of .* has the class 'ague'",
    ),
    "no feature": ("age,diagnosis\n", ["30,flu"], "later.csv: there is no column bmi"),
    "a word": (HEADER, ["30,big,h0,high,flu"], "later.csv: row 1 .*, column bmi: 'big' is not"),
}


@pytest.mark.parametrize("case", TESTS)
def test_a_refused_table_of_tests(case: str, tmp_path: Path) -> None:
    header, lines, message = TESTS[case]
    later = table(tmp_path, lines, header, "later.csv")
    with pytest.raises(UserError, match=message):
        load(table(tmp_path, rows()), test_table=later)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; put the table there, or change its path"):
        load(str(tmp_path / "survey.csv"))


def test_parquet_gives_the_data_of_the_same_csv(tmp_path: Path) -> None:
    """Equal values, clients and classes; only the name of the file decides the test rows."""
    csv = table(tmp_path, rows())
    frame = pd.read_csv(csv)
    frame.to_parquet(tmp_path / "survey.parquet")
    keys = {"client": "hospital", "tier": "tier", "test_table": csv}
    first, second = load(csv, **keys), load(str(tmp_path / "survey.parquet"), **keys)
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("content", [b"", b"PAR1", b"age,bmi\n1,2\n"])
def test_a_file_that_is_no_parquet(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "survey.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"survey\.parquet: cannot be read as a table"):
        load(str(tmp_path / "survey.parquet"))
