"""The definitions of the kernels in plain Python: strings, sets, regular expressions, big integers, unicodedata."""

import re
import unicodedata
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.arrow_buffers import Bytes, Offsets, buffers

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
STEP = 0xD6E8FEB86659FD93
POLYNOMIAL = 0xA0761D6478BD642F

CHARACTER_NAMES = (
    "CJK",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
)
HAN_KANA_NAMES = CHARACTER_NAMES[:5]
SCRIPT_NAMES = {
    "LATIN": "Latin", "CYRILLIC": "Cyrillic", "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari", "TAMIL": "Tamil", "THAI": "Thai", "LAO": "Lao", "KHMER": "Khmer",
    "MYANMAR": "Myanmar", "CJK": "Han", "IDEOGRAPHIC": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana",
    "KATAKANA-HIRAGANA": "Kana", "HALFWIDTH KATAKANA": "Kana", "HANGUL": "Hangul", "ETHIOPIC": "Ethiopic",
    "ARMENIAN": "Armenian", "GEORGIAN": "Georgian",
}  # fmt: skip

LINE_RUN = re.compile("L[LmZ]*")
MARKS = "[MKmZ]*"
UNIT = re.compile(rf"[CK]{MARKS}|(?=[LNM])(?:M{MARKS}(?:'(?=L))?)?(?:L{MARKS}(?:'(?=L))?|N{MARKS})*")


def as_batch(texts: list[str]) -> tuple[Bytes, Offsets]:
    return buffers(pa.array(texts, pa.string()))


def script(character: str) -> str | None:
    name = unicodedata.name(character, "")
    return next(
        (
            SCRIPT_NAMES[prefix]
            for prefix in sorted(SCRIPT_NAMES, key=len, reverse=True)
            if name.startswith(prefix)
        ),
        None,
    )


def code(character: str) -> str:
    if character in "\u200c\u200d":
        return "Z"
    if character in "'’":
        return "'"
    category, name = unicodedata.category(character)[0], unicodedata.name(character, "")
    by_characters = name.startswith(CHARACTER_NAMES)
    if category == "M":
        return "m" if name.startswith(("COMBINING", "VARIATION")) else "K" if by_characters else "M"
    if category in "LN":
        return "C" if by_characters else category
    return "_"


def fold(character: str) -> str:
    return next(
        (folded for folded in (character.casefold(), character.lower()) if len(folded) == 1), character
    )


def units(text: str) -> list[str]:
    codes = "".join(map(code, text))
    folded = "".join("'" if character == "’" else fold(character) for character in text)
    return [folded[match.start() : match.end()] for match in UNIT.finditer(codes)]


def is_character_unit(unit: str) -> bool:
    return code(unit[0]) in "CK"


def mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def unit_hash(unit: str) -> int:
    state = GOLDEN
    for character in unit:
        state = ((state ^ ord(character)) * STEP) & MASK
        state ^= state >> 32
    return mix(state ^ len(unit))


def character_text(text: str) -> bool:
    kinds = [is_character_unit(unit) for unit in units(text)]
    return sum(kinds) * 2 > len(kinds)


def shingle_length(text: str) -> int:
    size = len(units(text))
    if not character_text(text):
        return 5 if size >= 3 else 0
    if size < 6:
        return 0
    letters = [c for c in text if unicodedata.category(c)[0] in "LM"]
    tally = Counter(script(c) for c in letters)
    south_east = sum(tally[name] for name in ("Thai", "Lao", "Khmer", "Myanmar"))
    return 6 if tally["Han"] + tally["Kana"] >= south_east else 10


def shingle_hashes(text: str) -> list[int]:
    hashes = [unit_hash(unit) for unit in units(text)]
    length = min(shingle_length(text), len(hashes))
    if length == 0:
        return []
    found = set()
    for start in range(len(hashes) - length + 1):
        polynomial = sum(
            h * POLYNOMIAL ** (length - 1 - k) for k, h in enumerate(hashes[start : start + length])
        )
        found.add(mix((polynomial & MASK) ^ (length * GOLDEN & MASK)))
    return sorted(found)


def sketch(shingles: list[int], num_bins: int, seed: int) -> list[tuple[int, int]]:
    """Algorithm 1 of the paper, bin values as (round, hash)."""
    bins: list[tuple[int, int] | None] = [None] * num_bins
    for number in range(2 * num_bins):
        round_seed = mix((seed + (number + 1) * GOLDEN) & MASK)
        for shingle in shingles:
            hashed = mix(shingle ^ round_seed)
            place = (hashed >> 32) * num_bins >> 32 if number < num_bins else number - num_bins
            value = (number, hashed & ((1 << 52) - 1))
            bins[place] = min(bins[place] or value, value)
        if None not in bins:
            break
    return [value for value in bins if value is not None]


def needs_tidying(text: str) -> bool:
    return bool(re.search(r"\r|[ \t]\n|\n{3}", text)) or text != text.strip()


def has_control(text: str) -> bool:
    return bool(re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u2028\u2029\ufff9-\ufffb]", text))


def image(character: str, codecs: tuple[str, ...]) -> list[int]:
    images = []
    for codec in codecs:
        with suppress(UnicodeEncodeError):
            images.append(character.encode(codec)[0])
    return images


def may_be_mojibake(text: str) -> bool:
    def pairs(codecs: tuple[str, ...], low: int, high: int) -> int:
        return sum(
            any(low <= byte <= high for byte in image(one, codecs))
            and any(0x80 <= byte <= 0xBF for byte in image(two, codecs))
            for one, two in pairwise(text)
        )

    return (
        "\ufffd" in text
        or pairs(("latin-1", "cp1252"), 0xC2, 0xF4) > 0
        or pairs(("cp1251",), 0xD0, 0xD1) >= 2
    )


def collapsed(text: str) -> bytes:
    return " ".join(text.split()).encode()


def content_hash(text: str) -> tuple[int, int]:
    content = collapsed(text)
    first, second = STEP, POLYNOMIAL
    for start in range(0, 8 * (len(content) // 8) + 1, 8):
        word = int.from_bytes(content[start : start + 8], "little")
        first = (mix(first ^ word) + GOLDEN) & MASK
        second = mix((second + word * STEP) & MASK) ^ ((second << 23 & MASK) | second >> 41)
    return mix(first ^ len(content)), mix((second + len(content) * GOLDEN) & MASK)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def covered(sequence: list[str], starts: list[int], n: int) -> float:
    inside = {place for start in starts for place in range(start, start + n)}
    return ratio(sum(len(sequence[place]) for place in inside), sum(map(len, sequence)))


def top_fraction(sequence: list[str], n: int) -> float:
    grams = [tuple(sequence[start : start + n]) for start in range(len(sequence) - n + 1)]
    tally = Counter(grams)
    if not tally or max(tally.values()) < 2:
        return 0.0
    best = min(tally, key=lambda gram: (-tally[gram], -sum(map(len, gram)), grams.index(gram)))
    return covered(sequence, [start for start, gram in enumerate(grams) if gram == best], n)


def duplicate_fraction(sequence: list[str], n: int) -> float:
    grams = [tuple(sequence[start : start + n]) for start in range(len(sequence) - n + 1)]
    return covered(sequence, [start for start, gram in enumerate(grams) if gram in grams[:start]], n)


def ends_sentence(line: str) -> bool:
    closers = "\"')]}»›“”’‘」』】〉》〕）］｝*_" + "".join(filter(str.isspace, line))
    return line.rstrip(closers)[-1:] in set(".!?…。！？।॥۔؟።፡")


URL = re.compile(r"(?:://|(?<![A-Za-z0-9])[wW]{3}\.)[^\s\u0080-\U0010ffff\x1c-\x1f]*")


def is_numeric(unit: str) -> bool:
    return all(unicodedata.category(character)[0] == "N" or character in "\u200c\u200d" for character in unit)


def is_capital(character: str) -> bool:
    names = ("LATIN", "FULLWIDTH LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "GEORGIAN")
    return unicodedata.category(character) in ("Lu", "Lt") and unicodedata.name(character).startswith(names)


def is_broken_pair(one: str, other: str) -> bool:
    """Whether two characters are what UTF-8 becomes as a one-byte code page, and no ordinary pair."""
    if other in "«»‹›“”„‘’‚…–—•·\u00a0":
        return False
    for codecs, low, high in ((("latin-1", "cp1252"), 0xC2, 0xF4), (("cp1251",), 0xD0, 0xD1)):
        if codecs != ("cp1251",) and unicodedata.category(other)[0] in "LM":
            continue
        if any(low <= b <= high for b in image(one, codecs)) and any(
            0x80 <= b <= 0xBF for b in image(other, codecs)
        ):
            return True
    return False


def is_list_line(line: str) -> bool:
    return line[0] in "-*•" or unicodedata.category(line[0])[0] == "N"


def is_policy_line(line: str) -> bool:
    words = f" {' '.join(units(line))} "
    phrases = ("javascript", "cookie", "cookies", "privacy policy", "terms of use", "terms of service")
    return any(f" {phrase} " in words for phrase in phrases)


def num_sentences(text: str) -> int:
    closers = "\"')]}»›“”’‘」』】〉》〕）］｝*_"
    ends = [token.rstrip(closers)[-1:] for token in text.split()]
    return sum(end in set(".!?…।॥۔؟።፡") for end in ends if end) + len(re.findall("[。！？]+", text))


def paragraphs_of(text: str) -> list[list[str]]:
    lines = [line.strip() for line in text.split("\n")]
    blocks = "\n".join(line or "\ue000" for line in lines).split("\ue000")
    found = [[line for line in block.split("\n") if line] for block in blocks]
    return [block for block in found if block]


def signals(text: str) -> dict[str, Any]:
    sequence = units(text)
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    visible = [c for c in text if not c.isspace()]
    categories = Counter(unicodedata.category(c)[0] for c in visible)
    scripts = Counter(filter(None, (script(c) for c in text if unicodedata.category(c)[0] in "LM")))
    repeated = [line for index, line in enumerate(lines) if line in lines[:index]]
    paragraphs = paragraphs_of(text)
    repeated_paragraphs = [each for index, each in enumerate(paragraphs) if each in paragraphs[:index]]
    return {
        "num_bytes": len(text.encode()),
        "num_chars": len(text),
        "num_units": len(sequence),
        "num_lines": len(lines),
        "curly_brace": text.count("{"),
        "replacement_char_count": text.count("\ufffd"),
        "max_unit_length": max(map(len, sequence), default=0),
        "mean_word_length": ratio(sum(map(len, sequence)), len(sequence)),
        "alpha_fraction": ratio(categories["L"] + categories["M"], len(visible)),
        "digit_fraction": ratio(categories["N"], len(visible)),
        "punctuation_fraction": ratio(categories["P"] - text.count("፡"), len(visible)),
        "symbol_to_word_ratio": ratio(text.count("#") + len(re.findall(r"…|\.{3,}", text)), len(sequence)),
        "bullet_line_fraction": ratio(sum(line[0] in "-*•" for line in lines), len(lines)),
        "ellipsis_line_fraction": ratio(sum(line.endswith(("...", "…")) for line in lines), len(lines)),
        "terminal_line_fraction": ratio(sum(map(ends_sentence, lines)), len(lines)),
        "short_line_fraction": ratio(sum(len(line) < 30 for line in lines), len(lines)),
        "newline_ratio": ratio(text.count("\n"), len(text)),
        "duplicate_line_fraction": ratio(len(repeated), len(lines)),
        "duplicate_line_char_fraction": ratio(sum(map(len, repeated)), sum(map(len, lines))),
        **{f"top_{n}gram_char_fraction": top_fraction(sequence, n) for n in (2, 3, 4)},
        **{f"duplicate_{n}gram_char_fraction": duplicate_fraction(sequence, n) for n in range(5, 11)},
        "dominant_script_fraction": ratio(max(scripts.values(), default=0), sum(scripts.values())),
        "unique_unit_fraction": ratio(len(set(sequence)), len(sequence)),
        "lorem_ipsum": any(pair == ("lorem", "ipsum") for pair in pairwise(sequence)),
        "num_sentences": num_sentences(text),
        "num_long_lines": sum(len(line) >= 200 for line in lines),
        "alpha_unit_fraction": ratio(sum(not is_numeric(unit) for unit in sequence), len(sequence)),
        "symbol_fraction": ratio(categories["S"], len(visible)),
        "upper_fraction": ratio(sum(map(is_capital, text)), categories["L"] + categories["M"]),
        "url_fraction": ratio(sum(map(len, URL.findall(text))), len(visible)),
        "list_line_fraction": ratio(sum(is_list_line(line) for line in lines), len(lines)),
        "few_word_line_fraction": ratio(sum(len(units(line)) < 3 for line in lines), len(lines)),
        "policy_line_fraction": ratio(sum(map(is_policy_line, lines)), len(lines)),
        "duplicate_paragraph_fraction": ratio(len(repeated_paragraphs), len(paragraphs)),
        "duplicate_paragraph_char_fraction": ratio(
            sum(len(line) for each in repeated_paragraphs for line in each), sum(map(len, lines))
        ),
        "mojibake_fraction": ratio(sum(is_broken_pair(*pair) for pair in pairwise(text)), len(visible)),
    }  # fmt: skip


def jaccard(left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> float:
    one, other = set(left.tolist()), set(right.tolist())
    return ratio(len(one & other), len(one | other))


def line_code(character: str) -> str:
    """L for what a line is made of, m for marks of no script, Z for joiners, _ for all else."""
    if character in "\u200c\u200d":
        return "Z"
    category = unicodedata.category(character)[0]
    if category == "M":
        return "m" if unicodedata.name(character).startswith(("COMBINING", "VARIATION")) else "L"
    return "L" if category in "LN" else "_"


def normalised_line(line: str) -> str:
    """The normalised line; empty where it has neither letter nor number."""
    if not any(unicodedata.category(character)[0] in "LN" for character in line):
        return ""
    codes = "".join(map(line_code, line))
    folded = "".join(
        "0" if unicodedata.category(character)[0] == "N" else fold(character) for character in line
    )
    return " ".join(folded[match.start() : match.end()] for match in LINE_RUN.finditer(codes))


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def without_lines(text: str, removed: set[int]) -> str:
    """The text without the lines of these numbers: of the blank lines around a gap, the first run stays."""
    pieces = text.split("\n")
    places = [place for place, piece in enumerate(pieces) if piece.strip()]
    kept = [place for number, place in enumerate(places) if number not in removed]
    if not removed:
        return text
    if not kept:
        return ""
    # Nothing stands before the first line kept but the blank lines that began the text.
    result = [*pieces[: places[0]], pieces[kept[0]]]
    for one, other in pairwise(kept):
        between = "".join("." if piece.strip() else " " for piece in pieces[one + 1 : other])
        run = re.search(" +", between)
        if run:
            result += pieces[one + 1 + run.start() : one + 1 + run.end()]
        result.append(pieces[other])
    if kept[-1] == places[-1]:
        result += pieces[places[-1] + 1 :]
    return "\n".join(result)
