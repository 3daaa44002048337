"""What documents share with items, by the definitions: lists of units, every pair of places compared."""

import re
import unicodedata
from collections import Counter

from .references import character_text, fold, is_character_unit, line_code, script, units

ANCHOR, RUN, GAP, WHOLE = 5, 6, 2, 32

Run = tuple[int, ...]  # document, item, its first and last unit in the document and in the item, passage


def scale_of(text: str) -> int:
    if not character_text(text):
        return 1
    tally = Counter(script(c) for c in text if unicodedata.category(c)[0] in "LM")
    south_east = sum(tally[name] for name in ("Thai", "Lao", "Khmer", "Myanmar"))
    return 2 if tally["Han"] + tally["Kana"] >= south_east else 3


def whole_form(text: str) -> str:
    """Letters, numbers and marks, folded, with nothing between; empty where there is neither letter nor number."""
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        return ""
    codes = "".join(map(line_code, text))
    folded = "".join(map(fold, text))
    return "".join(folded[match.start() : match.end()] for match in re.finditer("L[Lm]*", codes))


def all_runs(document: list[str], item: list[str], least: int) -> list[tuple[int, int, int]]:
    """Maximal equal stretches: first place in the document, in the item, and length."""
    found = []
    for p in range(len(document)):
        for q in range(len(item)):
            if document[p] != item[q] or (p and q and document[p - 1] == item[q - 1]):
                continue
            size = 0
            while p + size < len(document) and q + size < len(item) and document[p + size] == item[q + size]:
                size += 1
            if size >= least:
                found.append((p, q, size))
    return sorted(found, key=lambda run: (run[0], -run[2], run[1]))


def passages(runs: list[tuple[int, int, int]], gap: int) -> list[list[tuple[int, int, int]]]:
    """Runs that follow one another; those that lie within the document's part of a passage are left out of it."""
    found: list[list[tuple[int, int, int]]] = []
    for p, q, size in runs:
        if found:
            last_p, last_q, last_size = found[-1][-1]
            document_end, item_end = last_p + last_size, last_q + last_size
            if p + size <= document_end:
                continue
            if p - document_end <= gap and q - item_end <= gap and q + size > item_end:
                found[-1].append((p, q, size))
                continue
        found.append([(p, q, size)])
    return found


def passage_length(passage: list[tuple[int, int, int]]) -> int:
    length, end = 0, passage[0][1]
    for _, q, size in passage:
        length += q + size - max(end, q)
        end = q + size
    return length


def expected_runs(documents: list[str], items: list[str], ngram: int) -> set[Run]:
    found: set[Run] = set()
    of_items = [units(item) for item in items]
    scales = [scale_of(item) for item in items]
    shortest = [
        index
        for index, item in enumerate(of_items)
        if whole_form(items[index]) and len(item) <= WHOLE * scales[index]
    ]
    longest_whole = 2 * max((len(of_items[index]) for index in shortest), default=0)
    for number, text in enumerate(documents):
        document = units(text)
        has_characters = any(map(is_character_unit, document))
        for index, (item, scale) in enumerate(zip(of_items, scales, strict=True)):
            if len(item) < ANCHOR * scale or (scale > 1 and not has_characters):
                continue
            runs = all_runs(document, item, min(RUN * scale, len(item)))
            for passage in passages(runs, GAP * scale):
                length = passage_length(passage)
                if length >= min(ngram * scale, len(item)):
                    found |= {(number, index, p, p + size, q, q + size, length) for p, q, size in passage}
        first = 0
        lines = []
        for line in text.split("\n"):
            size = len(units(line))
            if size:
                lines.append((line, first, first + size))
            first += size
        if len(lines) > 1:
            lines.append((text, 0, first))
        for (line, begin, end), index in ((line, index) for line in lines for index in shortest):
            if end - begin <= longest_whole and whole_form(line) == whole_form(items[index]):
                found.add((number, index, begin, end, 0, len(of_items[index]), -1))
    return found
