"""Prints the speed of every kernel on 3 kB documents of eight scripts: `python -m benchmarks.bench_kernels`.

One thread, CPU time of that thread (kernels never wait, and neighbours on a shared machine do not count), the best of
several runs; MB/s of UTF-8. Text is random words of each script: `annotate_batch` was up to 30 % slower on real text.
"""

import random
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa

from dataprep.kernels.arrow_buffers import Bytes, Offsets, buffers
from dataprep.kernels.content_hash import content_hash
from dataprep.kernels.fused import annotate_batch, warm_up
from dataprep.kernels.jaccard import jaccard_pairs
from dataprep.kernels.lines import line_hashes, without_lines
from dataprep.kernels.screen import screen
from dataprep.kernels.signals import signals
from dataprep.kernels.sketch import band_keys, sketch
from dataprep.kernels.sketch_text import sketch_texts
from dataprep.kernels.tokenise import shingle_hashes
from dataprep.kernels.unicode_tables import tables
from dataprep.kernels.word_lists import WordLists, unit_hashes, word_lists

DOCUMENT_BYTES: Final = 3000
DOCUMENTS: Final = 2000
RUNS: Final = 5
BANDS: Final = 20
ROWS: Final = 8

# Per script: letters to draw from, words per line, and what separates words.
ALPHABETS: Final = {
    "Latin": ("eeeeetttaaaoooiiinnnssshhrrddllcummwfgypbvké", " "),
    "Cyrillic": ("оооеееааиииннттссррввллккммддппууяыьг", " "),
    "Arabic": ("ااالللنننيييمممووورررتتبكسعدفهقح", " "),
    "Devanagari": ("कखगचजटडतदनपबमयरलवसहािीुेो्ं", " "),
    "Thai": ("กขคงจชดตทนบปผพมยรลวสหอะาิีึุูเแไ่้", ""),
    "Chinese": ("".join(chr(0x4E00 + 7 * index) for index in range(2500)), ""),
    "Japanese": (
        "".join(map(chr, range(0x3042, 0x3094))) * 20 + "".join(chr(0x4E00 + 9 * i) for i in range(2000)),
        "",
    ),
    "Korean": ("".join(chr(0xAC00 + 14 * index) for index in range(800)), " "),
}


def documents(letters: str, separator: str, seed: int) -> list[str]:
    """Documents of about DOCUMENT_BYTES bytes from a vocabulary of 8,000 words drawn with Zipf weights."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(8000)]
    weights = [1 / (rank + 5) for rank in range(len(words))]
    texts = []
    for _ in range(DOCUMENTS):
        lines: list[str] = []
        size = 0
        while size < DOCUMENT_BYTES:
            line = separator.join(draw.choices(words, weights, k=draw.randint(8, 25))) + "."
            lines.append(line)
            size += len(line.encode()) + 1
        texts.append("\n".join(lines))
    return texts


def best_seconds(call: Callable[[], object]) -> float:
    """CPU time of the fastest of RUNS calls, in seconds, after one call that is not counted."""
    call()
    times = []
    for _ in range(RUNS):
        begin = time.thread_time()
        call()
        times.append(time.thread_time() - begin)
    return min(times)


def word_list(data: Bytes, offsets: Offsets) -> WordLists:
    """One locale's lists, of the words of the first document: 48 stop words and 200 phrases."""
    words = bytes(data[offsets[0] : offsets[1]]).decode().replace(".", " ").split()
    single = [each for each in dict.fromkeys([*words, *"".join(words)]) if len(unit_hashes([each])[0]) == 1]
    stop_words = single[:48]
    return word_lists(["xx"], stop_words={"xx": stop_words}, phrases={"xx": words[-200:]})


def calls(data: Bytes, offsets: Offsets) -> dict[str, Callable[[], object]]:
    """What is measured, by the name of its row."""
    hashes, starts = shingle_hashes(data, offsets)
    sketches = sketch(hashes, starts, BANDS * ROWS, 1)
    left = np.arange(starts.size - 1, dtype=np.int64)
    lists = word_list(data, offsets)
    middle_lines = np.diff(line_hashes(data, offsets).starts) // 2
    return {
        "screen": lambda: screen(data, offsets),
        "content_hash": lambda: content_hash(data, offsets),
        "line_hashes": lambda: line_hashes(data, offsets),
        "without_lines": lambda: without_lines(data, offsets, middle_lines, np.arange(starts.size)),
        "shingle_hashes": lambda: shingle_hashes(data, offsets),
        "signals": lambda: signals(data, offsets),
        "sketch": lambda: sketch(hashes, starts, BANDS * ROWS, 1),
        "band_keys": lambda: band_keys(sketches, BANDS, ROWS),
        "jaccard_pairs": lambda: jaccard_pairs(hashes, starts, left, np.roll(left, 1)),
        "sketch_texts": lambda: sketch_texts(data, offsets, num_bands=BANDS, rows_per_band=ROWS, seed=1),
        "annotate_batch": lambda: annotate_batch(data, offsets, num_bands=BANDS, rows_per_band=ROWS, seed=1),
        "… with lists": lambda: annotate_batch(
            data,
            offsets,
            num_bands=BANDS,
            rows_per_band=ROWS,
            seed=1,
            lists=lists,
            list_numbers=np.zeros(offsets.size - 1, np.int64),
        ),
    }


def main() -> None:
    """Print the table: one row per kernel, one column per script."""
    begin = time.perf_counter()
    warm_up()
    print(f"warm_up: {time.perf_counter() - begin:.1f} s")
    tables.cache_clear()
    begin = time.perf_counter()
    tables()
    print(f"tables: {1000 * (time.perf_counter() - begin):.1f} ms")
    print(
        f"{DOCUMENTS} documents of {DOCUMENT_BYTES} bytes, {BANDS} x {ROWS} bands; MB/s of CPU time, best of {RUNS}"
    )
    rows: dict[str, list[float]] = {}
    for letters, separator in ALPHABETS.values():
        data, offsets = buffers(pa.array(documents(letters, separator, seed=1)))
        for name, call in calls(data, offsets).items():
            rows.setdefault(name, []).append(data.size / best_seconds(call) / 1e6)
    print(f"{'':16}" + "".join(f"{script:>12}" for script in ALPHABETS))
    for name, speeds in rows.items():
        print(f"{name:16}" + "".join(f"{speed:12.0f}" for speed in speeds))


if __name__ == "__main__":
    main()
