"""Writes the golden file of the hash family: `python tests/dataprep/kernels/golden.py`. Every stored signature and
content hash becomes incomparable when it changes, so its diff belongs in the changelog."""

import json
from pathlib import Path
from typing import Final

import pyarrow as pa

from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.fused import annotate_batch

FILE: Final = Path(__file__).with_name("golden_hash_family.json")
TEXTS: Final = (
    "The quick brown fox doesn't jump over the lazy dog; the dog does not mind.",
    "मैं कल बाज़ार गया था और वहाँ से ताज़े फल और सब्ज़ियाँ लेकर आया।",
    "วันนี้อากาศดีมากเราจึงไปเดินเล่นที่สวนสาธารณะ",
    "今天天气很好，我们一起去公园散步吧。",
    "می‌خواهم فردا به کتابخانه بروم و چند کتاب بخوانم.",
    "അവന്‍ ഇന്നലെ വൈകുന്നേരം വീട്ടില്‍ വന്നു.",
    "three short words",
    "two words",
)


def values() -> list[dict[str, object]]:
    """One entry per text: content hash, distinct shingles and band keys for 4 bands of 3 rows with seed 42."""
    annotated = annotate_batch(*buffers(pa.array(TEXTS)), num_bands=4, rows_per_band=3, seed=42)
    return [
        {
            "text": text,
            "content_hash": annotated.content_hash[index].tolist(),
            "num_shingles": int(annotated.num_shingles[index]),
            "band_keys": annotated.band_keys[index].tolist(),
        }
        for index, text in enumerate(TEXTS)
    ]


if __name__ == "__main__":
    FILE.write_text(json.dumps(values(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
