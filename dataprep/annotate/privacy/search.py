"""Private data in a batch of documents: the kernel finds places, the recognisers look at them, placeholders go in.

Of two overlapping finds the one of the surer kind counts. What is put in changes what stands before other numbers, so
documents that changed are searched again until nothing is found: a second pass over the result changes nothing.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema as s
from dataprep.annotate.privacy.accounts import ibans, is_payment_card
from dataprep.annotate.privacy.addresses import emails, ip_addresses, ipv6_addresses
from dataprep.annotate.privacy.national_ids import is_national_id, national_codes
from dataprep.annotate.privacy.numbers import numbers, run_of
from dataprep.annotate.privacy.phones import phone_numbers
from dataprep.annotate.privacy.view import Match, View, goes_on, plain
from dataprep.kernels.arrow_buffers import Bytes, buffers
from dataprep.kernels.private_data import AT_SIGN, CODE, IPV6, find_places

PLACEHOLDERS: Final = {
    "email": "<email>",
    "ip_address": "<ip-address>",
    "phone_number": "<phone-number>",
    "iban": "<iban>",
    "payment_card": "<payment-card>",
    "national_id": "<national-id>",
}
# The surest kind first: check digits modulo 97 before one check digit, that before a numbering plan.
_PRIORITY: Final = {
    kind: rank
    for rank, kind in enumerate(
        ("email", "iban", "payment_card", "national_id", "ip_address", "phone_number")
    )
}
_BEFORE_BYTES: Final = 192  # of a view: 64 bytes of a name, or 40 characters of context
_BEHIND_BYTES: Final = {AT_SIGN: 288}  # 255 bytes of a domain
_BEHIND_NUMBER_BYTES: Final = 96  # what is left of an account number, and what could be joined to it
# Numbers of books, articles and wares, which other kinds of numbers look like.
_CATALOGUE: Final = re.compile(
    rb"(?:ISBN|ISSN|ISMN|ISRC|EAN|UPC|ASIN|LCCN|OCLC|PMID|PMC|DOI|doi|arXiv)(?:-1[03])?[ :.#\xc2\xa0\xef\xbc\x9a-]*\Z"
)
_CATALOGUE_BYTES: Final = 16

# A letter behind the digits, as in Spain, or the 2A and 2B of Corsica before the last of them.
_MAY_BE_CODE: Final = re.compile(r"[0-9][ .-]?[A-Za-z](?![A-Za-z])")

# First byte in the document, one past the last, and kind.
Found = tuple[int, int, str]


def private_data(
    texts: pa.StringArray, locales: Sequence[str], *, keep: Collection[str] = ()
) -> tuple[pa.StringArray, dict[str, pa.Array]]:
    """A batch without private data, and its counts per document.

    Args:
        texts: documents in normal form, no nulls.
        locales: language of each, or any other string where it is not known; decides on national forms of numbers.
        keep: kinds, keys of `schema.PRIVATE_DATA`, that are only counted.

    Returns:
        The texts (the same array if there was nothing to replace), in which nothing but what was found has changed,
        and an int32 column per kind, named as in `schema.PRIVATE_DATA`.
    """
    counts = {kind: np.zeros(len(texts), np.int32) for kind in s.PRIVATE_DATA}
    rows = np.arange(len(texts))
    searched, first = texts, True
    while len(rows):
        changed: dict[int, bytes] = {}
        for index, found in search(searched, [locales[row] for row in rows.tolist()]):
            for _, _, kind in found:
                if first or kind not in keep:
                    counts[kind][rows[index]] += 1
            replaced = [each for each in found if each[2] not in keep]
            if replaced:
                changed[index] = _replace(searched[index].as_py().encode(), replaced)
        if not changed:
            break
        indices = np.fromiter(changed, np.int64, len(changed))
        rows, first = rows[indices], False
        searched = pa.array([text.decode() for text in changed.values()], pa.string())
        mask = np.zeros(len(texts), np.bool_)
        mask[rows] = True
        texts = pc.replace_with_mask(texts, pa.array(mask), searched)
    return texts, {s.PRIVATE_DATA[kind]: pa.array(column) for kind, column in counts.items()}


def search(texts: pa.StringArray, locales: Sequence[str]) -> Iterator[tuple[int, list[Found]]]:
    """The documents of a batch with private data, in ascending order, and what was found, in the order of the text."""
    data, offsets = buffers(texts)
    places = find_places(data, offsets)
    by_document: dict[int, list[Found]] = defaultdict(list)
    columns = (places.documents, places.begins, places.ends, places.kinds)
    for document, begin, end, kind in zip(*(column.tolist() for column in columns), strict=True):
        start = int(offsets[document])
        before = data[max(start, begin - _CATALOGUE_BYTES) : begin].tobytes()
        if kind != AT_SIGN and _CATALOGUE.search(before):
            continue
        view = _view(data, start, int(offsets[document + 1]), begin, end, kind, locales[document])
        for match in _recognised(view, kind):
            first = begin - len(view.text[: view.start].encode()) - start
            first += len(view.text[: match.start].encode())
            size = len(view.text[match.start : match.end].encode())
            by_document[document].append((first, first + size, match.kind))
    for document, found in by_document.items():
        yield document, _without_overlaps(found)


def _view(data: Bytes, start: int, stop: int, begin: int, end: int, kind: int, locale: str) -> View:
    """The text around the place [begin, end) of the document [start, stop)."""
    first, last = (
        max(start, begin - _BEFORE_BYTES),
        min(stop, end + _BEHIND_BYTES.get(kind, _BEHIND_NUMBER_BYTES)),
    )
    # Halves of characters at both ends of the view are left out.
    before = data[first:begin].tobytes().decode(errors="ignore")
    inside = data[begin:end].tobytes().decode()
    behind = data[end:last].tobytes().decode(errors="ignore")
    text = before + inside + behind
    return View(text, plain(text), len(before), len(before) + len(inside), locale)


def _recognised(view: View, kind: int) -> Iterator[Match]:
    if kind == AT_SIGN:
        yield from emails(view)
        return
    if kind == IPV6:
        yield from ipv6_addresses(view)
        return
    yield from ibans(view)
    if kind == CODE or _MAY_BE_CODE.search(view.plain, max(0, view.start - 3), view.end + 3):
        yield from national_codes(view)
    yield from ip_addresses(view)
    run = run_of(view)
    for number in numbers(view, run):
        if goes_on(view.text, number.end):
            continue
        if is_payment_card(view, number):
            yield Match("payment_card", number.start, number.end)
        elif is_national_id(view, number):
            yield Match("national_id", number.start, number.end)
    yield from phone_numbers(view, run)


def _without_overlaps(found: list[Found]) -> list[Found]:
    """What was found, without what lies partly in something of a surer kind or, of the same kind, something longer."""
    chosen: list[Found] = []
    for each in sorted(set(found), key=lambda each: (_PRIORITY[each[2]], each[0] - each[1], each[0])):
        if all(each[1] <= other[0] or other[1] <= each[0] for other in chosen):
            chosen.append(each)
    return sorted(chosen)


def _replace(text: bytes, found: list[Found]) -> bytes:
    pieces, position = [], 0
    for begin, end, kind in found:
        pieces += [text[position:begin], PLACEHOLDERS[kind].encode()]
        position = end
    return b"".join([*pieces, text[position:]])
