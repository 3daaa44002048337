from pathlib import Path

import pytest

from jobs.report import main


def test_a_folder_without_a_run_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"run_dir: {tmp_path}/run\nsources: [{{name: a, format: cc100, paths: [x]}}]\n")

    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config)])

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/run holds no finished run; run make prepare with this configuration first.\n"
    )
    assert not (tmp_path / "run").exists()
