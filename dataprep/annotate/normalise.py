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

from dataprep.kernels import screen
from dataprep.kernels.arrow_buffers import buffers

# C0 and C1 without tab and line ends; byte-order marks inside text; interlinear annotation. Joiners (U+200C, U+200D)
# and direction marks (U+200E, U+200F, U+061C) stay: Persian, Indic scripts and emoji are written with them.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb]")
# Next line, line separator and paragraph separator are line ends, as are CR and CR LF.
_LINE_END: Final = re.compile("\r\n?|[\x85\u2028\u2029]")
_TRAILING_SPACE: Final = re.compile("[ \t\u00a0\u3000]+(?=\n)")
_BLANK_LINES: Final = re.compile("\n{3,}")

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
    """Normal form of one text (Unicode Standard Annex 15, form C). Idempotent."""
    if repair_mojibake:
        # Line by line: one broken line in a good document is still found.
        text = "\n".join(
            ftfy.fix_text_segment(line, _FTFY) if not line.isascii() else line for line in text.split("\n")
        )
    text = _LINE_END.sub("\n", text)
    text = _CONTROL.sub("", text)
    text = unicodedata.normalize("NFC", text)
    text = _TRAILING_SPACE.sub("", text)
    text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()


def normalise(texts: pa.StringArray, *, repair_mojibake: bool) -> tuple[pa.StringArray, int]:
    """Normal form of a batch, and how many mojibake documents were repaired.

    Args:
        texts: documents, no nulls.
        repair_mojibake: whether to undo UTF-8 that was read as a one-byte code page.

    Returns:
        The texts, the same array if none needed work, and the number of documents whose encoding was repaired.
    """
    mask_N = screen.screen(*buffers(texts))
    if not mask_N.any():
        return texts, 0
    values = texts.to_pylist()
    repaired = 0
    for index in np.flatnonzero(mask_N):
        suspicious = repair_mojibake and bool(mask_N[index] & screen.MAY_BE_MOJIBAKE)
        before = values[index]
        values[index] = normalise_text(before, repair_mojibake=suspicious)
        repaired += suspicious and values[index] != normalise_text(before, repair_mojibake=False)
    return pa.array(values, pa.string()), repaired
