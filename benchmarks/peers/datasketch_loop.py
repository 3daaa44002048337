"""The plain loop over `datasketch.MinHashLSH` that its documentation teaches: query, then insert what matched nothing.

Run with the Python of an environment that has datasketch and pyarrow; imports nothing of this project:

    python datasketch_loop.py CORPUS WORK

reads `id` and `text` of CORPUS/*.parquet and writes the documents that stay to WORK/kept.parquet. Word 5-grams of lower
case, 20 bands of 8 rows, so that its recall is this project's; hash functions are datasketch's defaults. One process:
the loop depends on its own earlier steps.
"""

import argparse
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasketch import MinHash, MinHashLSH

BANDS = 20
ROWS = 8
WORDS_PER_SHINGLE = 5
NO_WORD = re.compile(r"\W+")
SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string())])


def shingles(text: str) -> set[bytes]:
    """Distinct word 5-grams; a shorter text is one shingle."""
    words = [word for word in NO_WORD.split(text.lower()) if word]
    ends = range(max(1, len(words) - WORDS_PER_SHINGLE + 1))
    return {" ".join(words[start : start + WORDS_PER_SHINGLE]).encode() for start in ends}


def main() -> None:
    """Go through the corpus in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    lsh = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    empty = MinHash(num_perm=BANDS * ROWS)  # copied, so that its permutations are drawn once
    args.work.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(args.work / "kept.parquet", SCHEMA, compression="zstd") as kept:
        for path in sorted(args.corpus.glob("*.parquet")):
            for batch in pq.ParquetFile(path).iter_batches(batch_size=4096, columns=SCHEMA.names):
                stays = []
                for name, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    sketch = empty.copy()
                    sketch.update_batch(list(shingles(text)))
                    is_new = not lsh.query(sketch)
                    stays.append(is_new)
                    if is_new:
                        lsh.insert(name, sketch)
                kept.write_batch(batch.filter(pa.array(stays)))


if __name__ == "__main__":
    main()
