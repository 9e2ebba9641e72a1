"""The CSV table that other people's scripts hand in."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.table import read_scores
from timbre.errors import TimbreError

HEADER = "run,canary,epoch,dimension,value\n"


def _file(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_value_is_unscored(tmp_path: Path) -> None:
    table = read_scores(_file(tmp_path, HEADER + "a,c1,1,humor,\na,c1,2,humor,0.5\n"))
    assert np.isnan(table["value"].iloc[0])
    assert table["unscored"].tolist() == ["empty in the table", ""]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    table = read_scores(_file(tmp_path, "value,dimension,epoch,canary,run\n0.5,humor,1,c1,a\n"))
    assert table[["run", "canary", "epoch", "value"]].iloc[0].tolist() == ["a", "c1", 1, 0.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run,canary,epoch,value\n", "table.csv:1: no column 'dimension'"),
        ("run,canary,epoch,dimension,value,note\n", "table.csv:1: unexpected column 'note'"),
        (HEADER + "a,c1,1,humor,0.5\na,c1,2,humor\n", "table.csv:3: 4 fields, not 5"),
        (HEADER + "a,c1,1,humour,0.5\n", "table.csv:2: unknown dimension 'humour'"),
        (HEADER + "a,c1,0,humor,0.5\n", "table.csv:2: epoch '0'"),
        (HEADER + "a,c1,99999999999999999999,humor,0.5\n", "table.csv:2: epoch '99999999999999999999'"),
        (HEADER + "a,c1,1,humor,high\n", "table.csv:2: value 'high'"),
        (HEADER + "a,c1,1,humor,inf\n", "table.csv:2: value 'inf'"),
        (HEADER + "a,,1,humor,0.5\n", "table.csv:2: empty canary"),
        (
            HEADER + "a,c1,1,humor,0.5\na,c1,1,humor,0.6\n",
            "table.csv:3: humor of a on c1, epoch 1, is there twice",
        ),
        (HEADER, "table.csv: no rows"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TimbreError) as caught:
        read_scores(_file(tmp_path, text))
    assert said in str(caught.value)


def test_a_table_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(HEADER.encode() + b"a,c\xff,1,humor,0.5\n")
    with pytest.raises(TimbreError, match="not UTF-8"):
        read_scores(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8),
        st.one_of(st.none(), st.floats(0, 1)),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_a_csv_writer_writes_is_read_back(tmp_path: Path, values: dict[str, float | None]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER.strip().split(","))
    for canary, value in values.items():
        writer.writerow(["a", canary, 1, "humor", "" if value is None else repr(value)])
    table = read_scores(_file(tmp_path, out.getvalue()))
    assert dict(zip(table["canary"], table["value"].replace(np.nan, None), strict=True)) == values
