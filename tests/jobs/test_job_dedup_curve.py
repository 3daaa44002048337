"""`make dedup-curve` prints the S-curve of a preset; values are the formula's by hand, and `ideal_sketch.py`'s."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.dedup_curve import main

PROJECT = Path(__file__).parents[2]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(arguments)
    return capsys.readouterr().out


def rows(page: str) -> dict[str, list[str]]:
    """The cells of the table, by J."""
    return {
        line[:4]: line.split("|")[0].split()[1:] for line in re.findall(r"^\d\.\d\d .*$", page, re.MULTILINE)
    }


def test_the_command_prints_a_row_per_similarity_and_what_the_preset_does() -> None:
    command = [sys.executable, "-m", "jobs.dedup_curve", "--preset", "fineweb", "--shingles", "200"]

    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)

    table = rows(done.stdout)
    assert done.stderr == ""
    assert list(table) == [f"{percent / 100:.2f}" for percent in range(30, 101, 5)]
    assert "14 bands x 8 rows = 112 hashes" in done.stdout
    assert re.search("verifies +nothing", done.stdout)
    assert table["1.00"] == ["1.0000", "1.0000"]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("default", ["0.0013", "0.0753", "0.6950", "0.9746"]),
        ("fineweb", ["0.0009", "0.0533", "0.5645", "0.9235"]),
        ("audit", ["0.2291", "0.8732", "0.9998", "1.0000"]),
    ],
)
def test_the_formula_of_each_preset(
    preset: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = rows(printed(capsys, "--preset", preset, "--shingles", "60"))

    assert [table[similarity][0] for similarity in ("0.30", "0.50", "0.70", "0.80")] == expected


# 315 shingles at J = 0.8 have 280 in common, 300 at J = 0.5 have 200: `test_sketch` has the same 40,000 pairs.
@pytest.mark.parametrize(
    ("shingles", "similarity", "simulated"), [(315, "0.80", 0.9805), (300, "0.50", 0.0707)]
)
def test_the_curve_of_this_sketch_is_that_of_simulated_sketches(
    shingles: int, similarity: str, simulated: float, capsys: pytest.CaptureFixture[str]
) -> None:
    table = rows(printed(capsys, "--shingles", str(shingles)))

    standard_error = (simulated * (1 - simulated) / 40_000) ** 0.5
    assert abs(float(table[similarity][1]) - simulated) < 3.29 * standard_error


def test_several_document_sizes_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(capsys)

    assert "formula  50 shingles  200 shingles  1000 shingles" in page
    assert {len(cells) for cells in rows(page).values()} == {4}


def test_recall_above_the_threshold_and_work_below_are_means_of_the_formula(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = printed(capsys, "--shingles", "60")

    # The integral of 1 - (1 - J^8)^20 over [0.8, 1] / 0.2 is 0.99744, over [0.3, 0.8] / 0.5 is 0.31025.
    assert re.search(r"^  formula +99\.7% +31\.0%$", page, re.MULTILINE)


def test_all_presets_are_compared_and_named_with_what_they_verify(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = printed(capsys, "--preset", "all")

    assert re.search(r"J +default +fineweb +audit$", page, re.MULTILINE)
    assert re.findall(r"preset (\w+): (\d+) bands x (\d) rows", page) == [
        ("default", "20", "8"),
        ("fineweb", "14", "8"),
        ("audit", "32", "4"),
    ]
    assert len(re.findall("verifies +every candidate pair", page)) == 2
    assert "a slice of 10% of the texts" in page


def test_bands_and_rows_can_be_changed(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(capsys, "--num-bands", "5", "--rows-per-band", "4", "--shingles", "60")

    assert "preset default with num_bands=5, rows_per_band=4: 5 bands x 4 rows = 20 hashes" in page
    # The formula: one minus the fifth power of one minus the fourth power of a half.
    assert rows(page)["0.50"][0] == "0.2758"


def test_very_many_hashes_have_the_formula_only(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(capsys, "--num-bands", "250")

    assert "left out for more than 256 hashes" in page
    assert {len(cells) for cells in rows(page).values()} == {1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--preset", "strict"],
            r"--preset must be one of default, fineweb, audit or all \(got 'strict'\)\.",
        ),
        (["--num-bands", "0"], r"num_bands: .*greater than or equal to 1 \(got 0\)"),
        (["--shingles", "0"], r"--shingles must be at least 1 \(got 0\)\."),
        (["--preset", "all", "--num-bands", "3"], "name one preset to change it"),
    ],
)
def test_wrong_arguments_end_with_one_sentence_and_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    answer = capsys.readouterr()
    assert ended.value.code == 2
    assert answer.out == ""
    assert re.fullmatch(f"error: .*{sentence}.*\n", answer.err)
