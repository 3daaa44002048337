"""Normal form of a text: NFC, mojibake undone, control characters out, white space tidy. Marks are never stripped.

A kernel looks at every byte once and says which documents could need work (`kernels.screen`); only those become Python
strings. On clean text the pass costs one scan.
"""

import re
import unicodedata
from typing import Final

import ftfy
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.kernels import screen
from dataprep.kernels.arrow_buffers import buffers

# C0 and C1 without tab and line ends; byte-order marks inside text; interlinear annotation. Joiners (U+200C, U+200D)
# and direction marks (U+200E, U+200F, U+061C) stay: Persian, Indic scripts and emoji are written with them.
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb]")
# CR, CR LF, vertical tab, form feed, next line, line separator and paragraph separator are line ends: taken out, they
# would join two words (Unicode Standard, section 5.8).
_LINE_END: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_TRAILING_SPACE: Final = re.compile("[ \t]+(?=\n)")
_BLANK_LINES: Final = re.compile("\n{3,}")

# ftfy takes the end of a Portuguese or Vietnamese word in capitals, or the letter Ã as such, and the mark behind it
# (IRMÃ”, ĐÃ», “Ã”) for one broken letter. It sees the line in pieces that end between the two, unless a letter
# follows, as in HÃ”TEL.
_AFTER_CAPITAL: Final = re.compile("(?<=[A-ZÀ-ÖØ-ÞĐ“«]Ã)(?=[”»–—](?!\\w))")

# ftfy is asked for one repair only, the decoding of UTF-8 read as a one-byte code page. Its other repairs (quotes,
# ligatures, widths) change text that is right in some script.
_FTFY: Final = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_encoding=True,
    restore_byte_a0=True,
    replace_lossy_sequences=True,
    decode_inconsistent_utf8=True,
    fix_c1_controls=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
)


def normalise_text(text: str, *, repair_mojibake: bool) -> str:
    """Normal form of one text (Unicode Standard Annex 15, form C).

    Idempotent, but for a control character between two halves of mojibake: without it, a second pass would repair them.
    """
    if repair_mojibake:
        # Line by line: one broken line in a good document is still found.
        text = "\n".join(
            line if line.isascii() else "".join(map(_repaired, _AFTER_CAPITAL.split(line)))
            for line in text.split("\n")
        )
    text = _LINE_END.sub("\n", text)
    text = _CONTROL.sub("", text)
    text = unicodedata.normalize("NFC", text)
    text = _TRAILING_SPACE.sub("", text)
    text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()


def _repaired(segment: str) -> str:
    repaired: str = ftfy.fix_text_segment(segment, _FTFY)
    return repaired


def normalise(texts: pa.StringArray, *, repair_mojibake: bool) -> tuple[pa.StringArray, int]:
    """Normal form of a batch, and how many mojibake documents were repaired.

    Args:
        texts: documents, no nulls.
        repair_mojibake: whether to undo UTF-8 that was read as a one-byte code page.

    Returns:
        The texts, the same array if none needed work, and the number of documents whose encoding was repaired.
    """
    mask_N = screen.screen(*buffers(texts))
    if not repair_mojibake:
        mask_N &= ~np.uint8(screen.MAY_BE_MOJIBAKE)
    flagged = mask_N != 0
    if not flagged.any():
        return texts, 0
    before = texts.filter(pa.array(flagged)).to_pylist()
    pairs = [_by_flags(text, int(flags)) for text, flags in zip(before, mask_N[flagged], strict=True)]
    after = [text for text, _ in pairs]
    if after == before:
        return texts, 0
    replaced = pc.replace_with_mask(texts, pa.array(flagged), pa.array(after, pa.string()))
    return replaced, sum(repaired for _, repaired in pairs)


def _by_flags(text: str, flags: int) -> tuple[str, bool]:
    """Normal form of a text that the screen flagged, and whether its encoding was repaired."""
    if flags == screen.MAY_NEED_NFC:
        # Nearly every Indic text has this flag alone; most of them are in NFC already.
        return (text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)), False
    plain = normalise_text(text, repair_mojibake=False)
    if not flags & screen.MAY_BE_MOJIBAKE:
        return plain, False
    repaired = normalise_text(text, repair_mojibake=True)
    return repaired, repaired != plain
