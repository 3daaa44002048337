"""Reference texts of the real samples, in formats of the pipeline: `python -m benchmarks.reference_texts FOLDER`.

The Universal Declaration of Human Rights in pieces of consecutive lines, XQuAD's paragraphs by article, and Tatoeba's
sentences, out of the folder named by MAGISTER_REALDATA. A document is named by what it is in all languages, so that
halves can be parted by content: UDHR's first piece is the same text everywhere, and so are NTREX's and XQuAD's.
"""

import argparse
import gzip
import json
import lzma
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dataprep.locales import LOCALES, canonical_language

UDHR_ZIP: Final = "monolingual/udhr/udhr2.zip"
# Names of files that are not the language's ISO 639-3 code.
UDHR_NAMES: Final = {
    "ar": ["arb"],
    "az": ["azj_latn"],
    "ckb": [],  # ckb.txt is Kurmanji, in Latin letters
    "el": ["ell_monotonic"],
    "fa": ["pes_1"],
    "hi-Latn": [],  # hin.txt is in Devanagari
    "pt": ["por_PT"],
    "sr": ["srp_cyrl"],
    "sw": ["swh"],
    "zh": ["cmn_hans"],
}
TATOEBA_NAMES: Final = {"arb": "ar", "cmn": "zh", "pes": "fa", "lvs": "lv", "zsm": "ms", "swh": "sw"}
UDHR_PIECES: Final = 12
UDHR_BEGINNING: Final = 3  # pieces that stay together: the clauses of the preamble alone are no document
SENTENCES: Final = 40  # of Tatoeba in a document


class Text(NamedTuple):
    """One clean document: its locale, its source, its number there (equal numbers are one text), written or spoken."""

    locale: str
    source: str
    number: int
    form: str
    text: str


def udhr(root: Path) -> Iterator[Text]:
    """The Declaration, in pieces of about as many characters."""
    with zipfile.ZipFile(root / UDHR_ZIP) as archive:
        present = set(archive.namelist())
        for row in LOCALES.values():
            for name in UDHR_NAMES.get(row.code, [row.iso639_3]):
                if f"udhr2/{name}.txt" not in present:
                    continue
                text = archive.read(f"udhr2/{name}.txt").decode("utf-8")
                lines = [line.strip() for line in text.splitlines() if line.strip()]
                pieces = _pieces(lines, UDHR_PIECES)
                pieces[:UDHR_BEGINNING] = [[line for piece in pieces[:UDHR_BEGINNING] for line in piece]]
                for number, piece in enumerate(pieces):
                    yield Text(row.code, "udhr", number, "written", "\n".join(piece))


def _pieces(lines: list[str], pieces: int) -> list[list[str]]:
    """Consecutive lines in so many parts of about as many characters."""
    target = sum(map(len, lines)) / pieces
    parts: list[list[str]] = [[]]
    size = 0
    for line in lines:
        if size >= target * len(parts) and len(parts) < pieces:
            parts.append([])
        parts[-1].append(line)
        size += len(line)
    return [part for part in parts if part]


def ntrex(root: Path) -> Iterator[Text]:
    """The translated news, one document per story."""
    for path in sorted((root / "monolingual/derived_cc100_from_ntrex").glob("*.txt.xz")):
        locale = canonical_language(path.name.partition(".")[0])
        if locale not in LOCALES:
            continue
        with lzma.open(path, "rt", encoding="utf-8") as file:
            for number, text in enumerate(file.read().split("\n\n")):
                if text.strip():
                    yield Text(locale, "ntrex", number, "written", text.strip())


def xquad(root: Path) -> Iterator[Text]:
    """The paragraphs of XQuAD's Wikipedia articles."""
    for path in sorted((root / "nli_qa/xquad").glob("*.json.gz")):
        locale = canonical_language(path.name.split(".")[1])
        if locale not in LOCALES:
            continue
        for number, article in enumerate(json.loads(gzip.decompress(path.read_bytes()))["data"]):
            paragraphs = [paragraph["context"].strip() for paragraph in article["paragraphs"]]
            yield Text(locale, "xquad", number, "written", "\n".join(paragraphs))


def tatoeba(root: Path) -> Iterator[Text]:
    """Sentences as people say them, in the order of the file; a rest of less than half a document is left out."""
    for path in sorted((root / "monolingual/tatoeba_laser").iterdir()):
        name = path.suffix.removeprefix(".")
        locale = canonical_language(TATOEBA_NAMES.get(name, name))
        if locale not in LOCALES or (name == "eng" and path.name != "tatoeba.deu-eng.eng"):
            continue
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for number in range(0, max(1, len(lines) - SENTENCES // 2), SENTENCES):
            yield Text(
                locale,
                "tatoeba",
                number // SENTENCES,
                "spoken",
                "\n".join(lines[number : number + SENTENCES]),
            )


def main(argv: Sequence[str] | None = None) -> None:
    """Write `udhr/`, `xquad/` and `tatoeba/` into the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="where to write; created if missing")
    args = parser.parse_args(argv)
    root = os.environ.get("MAGISTER_REALDATA")
    if root is None:
        sys.exit("error: set MAGISTER_REALDATA to the folder of the real samples.")
    texts: dict[Path, list[str]] = {}
    for each in (*udhr(Path(root)), *xquad(Path(root)), *tatoeba(Path(root))):
        name = f"OpenSubtitles.{each.locale}.txt" if each.source == "tatoeba" else f"{each.locale}.txt"
        texts.setdefault(Path(args.folder) / each.source / name, []).append(each.text)
    for path, documents in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        separator = "\n" if path.parent.name == "tatoeba" else "\n\n"
        path.write_text(separator.join(documents) + "\n", encoding="utf-8")
    print(f"{len(texts)} files in {args.folder}")


if __name__ == "__main__":
    main()
