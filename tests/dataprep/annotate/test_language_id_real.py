"""Language identification on real news: what the pipeline must not lose."""

import lzma
import os
from pathlib import Path

import pyarrow as pa
import pytest

from dataprep.annotate.language_id import LanguageSettings, identify
from dataprep.config import RulesConfig
from dataprep.kernels.arrow_buffers import buffers

ROOT = Path(os.environ.get("MAGISTER_REALDATA", "none"))
NEWS = sorted((ROOT / "monolingual/derived_cc100_from_ntrex").glob("*.txt.xz"))

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not NEWS, reason="MAGISTER_REALDATA names no folder with the news texts"),
]


def news(path: Path) -> list[str]:
    return [text for text in lzma.decompress(path.read_bytes()).decode().split("\n\n") if text.strip()][:40]


@pytest.mark.parametrize("path", NEWS, ids=[path.name.split(".")[0] for path in NEWS])
def test_news_is_recognised_and_passes_the_thresholds(path: Path) -> None:
    rules = RulesConfig()
    code = path.name.split(".")[0]
    texts = news(path)

    found = identify(*buffers(pa.array(texts)), [code] * len(texts), LanguageSettings())

    columns = {name: found.columns[name].to_numpy(zero_copy_only=False) for name in found.columns}
    assert sum(name == code for name in found.detected) >= len(texts) - 1
    assert (found.declared_score >= rules.min_language_score).mean() >= 0.95
    assert columns["script_fraction"].min() >= rules.min_script_fraction
    assert not (columns["foreign_letter_fraction"].astype(float) > rules.max_foreign_letter_fraction).any()
    assert columns["line_language_fraction"].min() >= rules.min_line_language_fraction
