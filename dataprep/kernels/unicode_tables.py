"""Properties of every codepoint, packed into one number each, as two flat tables.

The tables are generated from Python's `unicodedata` by `python -m dataprep.kernels.unicode_tables`, which rewrites
`unicode_tables.npz`. The file is committed, so results do not depend on the interpreter's Unicode version; the
version is stored in it. Kernels get the tables as arguments: as globals numba would copy them into compiled code.
"""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import frozen

NUM_CODEPOINTS: Final = 0x110000
FILE: Final = Path(__file__).with_name("unicode_tables.npz")

# Bits 0-2: class. The first three are what words are made of, so that one comparison tells.
LETTER: Final = 0
MARK: Final = 1
NUMBER: Final = 2
SPACE: Final = 3  # str.isspace: category Z, tab to carriage return, U+001C..1F, U+0085
PUNCTUATION: Final = 4
SYMBOL: Final = 5
OTHER_CLASS: Final = 6  # control, format, surrogate, private use, unassigned
CLASS_MASK: Final = 7

# Bits 3-7: script. 0 is "no script of its own": shared digits, punctuation, combining diacritics, modifier letters.
SCRIPT_SHIFT: Final = 3
SCRIPT_MASK: Final = 31
SCRIPTS: Final = (
    "none",
    "Latin",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Tamil",
    "Telugu",
    "Gujarati",
    "Other Indic",
    "Thai",
    "Lao",
    "Khmer",
    "Myanmar",
    "Han",
    "Kana",
    "Hangul",
    "Ethiopic",
    "Armenian",
    "Georgian",
    "Other",
)
NUM_SCRIPTS: Final = len(SCRIPTS)
THAI: Final = SCRIPTS.index("Thai")
MYANMAR: Final = SCRIPTS.index("Myanmar")
HAN: Final = SCRIPTS.index("Han")
KANA: Final = SCRIPTS.index("Kana")
CASED_SCRIPTS: Final = frozenset({"Latin", "Cyrillic", "Greek", "Armenian", "Georgian"})
CHARACTER_UNIT_SCRIPTS: Final = frozenset({"Thai", "Lao", "Khmer", "Myanmar", "Han", "Kana"})

# Bits 8-15: canonical combining class; a mark after one of a higher class is out of canonical order.
COMBINING_SHIFT: Final = 8
COMBINING_MASK: Final = 255

# Bits 16 and up: flags.
CHARACTER_UNIT: Final = 1 << 16
TERMINATOR: Final = 1 << 17
NFC_UNSURE: Final = 1 << 18
FOLDS: Final = 1 << 19
REMOVABLE_CONTROL: Final = 1 << 20
LEAD_1252: Final = 1 << 21
CONTINUATION_1252: Final = 1 << 22
LEAD_1251: Final = 1 << 23
CONTINUATION_1251: Final = 1 << 24
CLOSING: Final = 1 << 25  # quotes and brackets that may follow a sentence's end
BULLET: Final = 1 << 26
BROKEN_1252: Final = 1 << 28  # continuation images that no correct text has after a letter with a diacritic
BROKEN_1251: Final = 1 << 29
UPPER: Final = 1 << 27  # capital letters of the scripts that have them, title case included (Lu and Lt)

# Full stops, question and exclamation marks and their kin, by script. The Greek question mark is U+037E and, after
# NFC, an ordinary semicolon; the semicolon is left out because every other script uses it inside sentences.
TERMINATORS: Final = ".!?…‥፡‼⁇⁈⁉‽\u037e։՜՞؟۔؞܀܁܂।॥๚๛။៕។፧።፨᠃᠉。！？．｡﹒﹖﹗꓿꘎꘏꩝꩞꩟꯫෴"
CLOSERS: Final = "\"')]}»›“”’‘」』】〉》〕）］｝｠｣*_"
# Hyphen and asterisk are bullets only by convention, but they are the commonest ones in plain text.
BULLETS: Final = "-*•‣⁃◦∙▪▫■□●○▶►▸➢➤✓✔・･"

# Images of continuation bytes that stand after letters in correct text all the time.
_ORDINARY: Final = frozenset("«»‹›“”„‘’‚…–—•·\u00a0")

_INDIC_NAMES: Final = (
    "GURMUKHI",
    "ORIYA",
    "KANNADA",
    "MALAYALAM",
    "SINHALA",
    "VEDIC",
    "LIMBU",
    "LEPCHA",
    "CHAKMA",
    "BRAHMI",
    "GRANTHA",
    "KAITHI",
    "SHARADA",
    "NEWA",
    "TIRHUTA",
    "SIDDHAM",
    "MODI",
    "TAKRI",
    "KHUDAWADI",
    "SAURASHTRA",
    "MEETEI",
    "SYLOTI",
    "MAHAJANI",
    "KHOJKI",
    "MULTANI",
    "DOGRA",
    "NANDINAGARI",
)
_SCRIPT_OF_WORD: Final = {
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "ARABIC-INDIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari",
    "BENGALI": "Bengali",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "GUJARATI": "Gujarati",
    "THAI": "Thai",
    "LAO": "Lao",
    "KHMER": "Khmer",
    "MYANMAR": "Myanmar",
    "HIRAGANA": "Kana",
    "KATAKANA": "Kana",
    "KATAKANA-HIRAGANA": "Kana",
    "HENTAIGANA": "Kana",
    "HANGUL": "Hangul",
    "ETHIOPIC": "Ethiopic",
    "ARMENIAN": "Armenian",
    "GEORGIAN": "Georgian",
    **dict.fromkeys(
        _INDIC_NAMES,
        "Other Indic",
    ),
}
_NO_SCRIPT_PREFIXES: Final = (
    "COMBINING ",
    "MODIFIER ",
    "VARIATION ",
    "DIGIT ",
    "FULLWIDTH DIGIT ",
    "SUPERSCRIPT ",
)


class Tables(NamedTuple):
    """The two tables, read-only, indexed by codepoint.

    Attributes:
        properties: uint32[0x110000], packed as the constants of this module say.
        fold: int32[0x110000], the codepoint it folds to; itself where folding is not one to one.
        unicode_version: of the `unicodedata` the tables were generated from.
    """

    properties: npt.NDArray[np.uint32]
    fold: npt.NDArray[np.int32]
    unicode_version: str


@cache
def tables() -> Tables:
    """The tables of `unicode_tables.npz`, expanded; read once per process."""
    with np.load(FILE, allow_pickle=False) as stored:
        properties = np.repeat(stored["values"], stored["lengths"])
        fold = np.arange(NUM_CODEPOINTS, dtype=np.int32)
        fold[stored["fold_from"]] = stored["fold_to"]
        version = str(stored["unicode_version"])
    return Tables(frozen(properties, np.uint32), frozen(fold, np.int32), version)


def generate() -> Tables:
    """The tables of this interpreter's `unicodedata`. Takes seconds."""
    unsure = _nfc_unsure()
    images = _images()
    properties = np.zeros(NUM_CODEPOINTS, dtype=np.uint32)
    fold = np.arange(NUM_CODEPOINTS, dtype=np.int32)
    for codepoint in range(NUM_CODEPOINTS):
        character = chr(codepoint)
        kind = _class(character)
        script = SCRIPTS.index(_script(character)) if kind <= NUMBER else 0
        fold[codepoint] = _fold(character)
        properties[codepoint] = (
            kind
            | script << SCRIPT_SHIFT
            | unicodedata.combining(character) << COMBINING_SHIFT
            | (CHARACTER_UNIT if SCRIPTS[script] in CHARACTER_UNIT_SCRIPTS else 0)
            | (TERMINATOR if character in TERMINATORS else 0)
            | (NFC_UNSURE if codepoint in unsure else 0)
            | (FOLDS if fold[codepoint] != codepoint else 0)
            | (REMOVABLE_CONTROL if _is_removable_control(codepoint) else 0)
            | images.get(codepoint, 0)
            | _broken(character, kind, images.get(codepoint, 0))
            | (CLOSING if character in CLOSERS else 0)
            | (BULLET if character in BULLETS else 0)
            | (
                UPPER
                if SCRIPTS[script] in CASED_SCRIPTS and unicodedata.category(character) in ("Lu", "Lt")
                else 0
            )
        )
    return Tables(properties, fold, unicodedata.unidata_version)


def _class(character: str) -> int:
    if character.isspace():
        return SPACE
    by_category = {"L": LETTER, "M": MARK, "N": NUMBER, "P": PUNCTUATION, "S": SYMBOL}
    return by_category.get(unicodedata.category(character)[0], OTHER_CLASS)


def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    if name.startswith(("CJK ", "IDEOGRAPHIC ", "VERTICAL IDEOGRAPHIC ")):
        return "Han"
    if character in "ªº":
        return "Latin"
    words = name.removeprefix("EXTENDED ").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").split(" ")
    if words[0] in _SCRIPT_OF_WORD:
        return _SCRIPT_OF_WORD[words[0]]
    if name.startswith(_NO_SCRIPT_PREFIXES) or unicodedata.category(character)[0] == "N":
        return "none"
    return "Other"


def _fold(character: str) -> int:
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return ord(folded)
    return ord(character)


def _broken(character: str, kind: int, images: int) -> int:
    """Flags of continuation images that tell broken text: Czech and the like have letters among those of CP1252."""
    if character in _ORDINARY:
        return 0
    flags = BROKEN_1252 if images & CONTINUATION_1252 and kind > MARK else 0
    return flags | (BROKEN_1251 if images & CONTINUATION_1251 else 0)


def _is_removable_control(codepoint: int) -> bool:
    return (
        (codepoint < 0x20 and codepoint not in (0x09, 0x0A, 0x0D))
        or 0x7F <= codepoint <= 0x9F
        or codepoint in (0xFEFF, 0x2028, 0x2029, 0xFFF9, 0xFFFA, 0xFFFB)
    )


def _nfc_unsure() -> set[int]:
    """Codepoints with NFC quick-check No or Maybe (UAX 15, section 9)."""
    # Conjoining vowels and finals compose by arithmetic; no decomposition in the database mentions them.
    unsure = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}
    for codepoint in range(NUM_CODEPOINTS):
        character = chr(codepoint)
        if 0xD800 <= codepoint <= 0xDFFF:
            continue
        if unicodedata.normalize("NFC", character) != character:
            unsure.add(codepoint)
            continue
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            unsure.add(int(parts[1], 16))
    return unsure


def _images() -> dict[int, int]:
    """Flags of the characters that UTF-8 bytes turn into when read as Latin-1, CP1252 or CP1251."""
    flags: dict[int, int] = {}
    for codec, lead, continuation in (
        ("latin-1", LEAD_1252, CONTINUATION_1252),
        ("cp1252", LEAD_1252, CONTINUATION_1252),
        ("cp1251", LEAD_1251, CONTINUATION_1251),
    ):
        # D0 and D1 begin every Cyrillic letter; read as CP1251 they are the letters Er and Es.
        leads = range(0xD0, 0xD2) if codec == "cp1251" else range(0xC2, 0xF5)
        for values, flag in ((leads, lead), (range(0x80, 0xC0), continuation)):
            for image in bytes(values).decode(codec, errors="ignore"):
                flags[ord(image)] = flags.get(ord(image), 0) | flag
    return flags


def write(path: Path = FILE) -> None:
    """Generate the tables and store them, run-length encoded and compressed."""
    generated = generate()
    starts = np.flatnonzero(np.diff(generated.properties, prepend=generated.properties[0] ^ 1))
    folding = np.flatnonzero(generated.fold != np.arange(NUM_CODEPOINTS)).astype(np.int32)
    np.savez_compressed(
        path,
        values=generated.properties[starts],
        lengths=np.diff(starts, append=NUM_CODEPOINTS).astype(np.int32),
        fold_from=folding,
        fold_to=generated.fold[folding],
        unicode_version=np.array(generated.unicode_version),
    )


if __name__ == "__main__":
    write()
