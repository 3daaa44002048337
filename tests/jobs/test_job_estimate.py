"""`make estimate` prints what a run needs; what it cannot answer is one sentence."""

import re

import pytest

from jobs.estimate import main

GIVEN = ["--preset", "9.7b", "--gpus", "164", "--gpu", "a100-80", "--tokens", "900e9"]


def test_it_prints_sizes_memory_days_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    main([*GIVEN, "--price", "0.977", "--tflops", "123.72"])

    printed = capsys.readouterr().out
    assert "9.7b: 9.753 B parameters = 9.107 B body + 16.9 M head + 629.1 M embedding" in printed
    assert re.search(r"^   1  none       blocks .* [\d,]+ +0$", printed, re.MULTILINE)
    assert re.search(r"^6 N D +58\.52 G +118,251 +30\.0 +115,531$", printed, re.MULTILINE)


def test_without_a_price_it_prints_no_cost(capsys: pytest.CaptureFixture[str]) -> None:
    main(GIVEN)

    printed = capsys.readouterr().out
    assert re.search(r"^6 N D +58\.52 G +[\d,]+ +[\d.]+ *$", printed, re.MULTILINE)
    assert "at 124.8 TFLOPS per GPU (40.0% of 312)" in printed


def test_what_does_not_fit_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--preset", "100b", "--gpus", "8", "--gpu", "h100", "--tokens", "1e9"])

    assert re.search(r"^   1  none       nothing .* none +0$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--preset", "7b"], r"there is no preset '7b'; choose one of tiny, "),
        (["--gpu", "h300"], r"GPU must be one of v100, .* \(got 'h300'\)\."),
        (["--gpus", "0"], r"GPUS must be a number above 0 \(got '0'\)\."),
        (["--gpus", "2.5"], r"GPUS must be a whole number \(got '2.5'\)\."),
        (["--tokens", "many"], r"TOKENS must be a number above 0 \(got 'many'\)\."),
        (["--tokens", "nan"], r"TOKENS must be a number above 0 \(got 'nan'\)\."),
        (["--price", "-1"], r"PRICE must be a number above 0 \(got '-1'\)\."),
        (["--seq", "4096"], r"SEQ must be at most 512, the longest segment of the preset \(got 4096\)\."),
        (["--mfu", "0.5", "--tflops", "100"], r"give MFU or TFLOPS, not both\."),
        (["--tflops", "500"], r"the peak of a100-80 is 312 TFLOPS; no run reaches 500\."),
        (["--mfu", "1.5"], r"the peak of a100-80 is 312 TFLOPS; no run reaches 468\."),
    ],
)
def test_a_bad_value_is_one_sentence_and_exit_code_two(
    changed: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([*GIVEN, *changed])

    printed = capsys.readouterr()
    assert (exit_info.value.code, printed.out) == (2, "")
    assert re.fullmatch(rf"error: {message}[^\n]*\n", printed.err)
