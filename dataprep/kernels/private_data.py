"""Where private data could be: the few places of a text at which slow code then looks.

A place is an at sign between what could be the halves of an address, a run of digits too long for a date, or digits
and letters run together as in an account number. Digits of every script count. The scan errs on the side of yes, and
what it finds depends on the document alone.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes, Counts, Hashes, Offsets, batch
from dataprep.kernels.compilation import inlined, integer, kernel
from dataprep.kernels.mixing import read_word
from dataprep.kernels.utf8 import decode

AT_SIGN: Final = 1
NUMBER: Final = 2
CODE: Final = 3  # digits with ASCII letters at their side
IPV6: Final = 4

MIN_DIGITS: Final = 7  # of a number; shorter telephone numbers cannot be told from prices and years
MIN_IPV4_DIGITS: Final = 5  # with fewer, four numbers between dots are sections or versions
MAX_GAP: Final = 3  # separators between two digits of a number
MIN_CODE: Final = 15  # letters and digits; the shortest IBAN
MAX_CODE: Final = 34  # the longest IBAN
MIN_CODE_DIGITS: Final = 5

# The zeros of all decimal digits (general category Nd) of Unicode 14; the nine others follow each.
ZEROS: Final = (
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50,
    0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950,
    0x1FBF0,
)  # fmt: skip
# What people write between the digits of one number, besides the ASCII space . - / ( ): other spaces and dashes, the
# middle dot, their full-width forms, and direction marks, which hold numbers together in right-to-left text.
SPACES: Final = "\t\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
DASHES: Final = "\u00ad\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
DIRECTION_MARKS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SEPARATORS: Final = " .-/()\u00b7\uff08\uff09\uff0e\uff0f" + SPACES + DASHES + DIRECTION_MARKS

AT_SIGNS: Final = (0x40, 0xFE6B, 0xFF20)

Properties = npt.NDArray[np.uint8]

_DIGIT: Final = 10  # a property up to here is a digit plus one
_SEPARATOR: Final = 11
_NUM_PROPERTIES: Final = 0x1FC00
_FIRST_YEAR: Final = 1000
_LAST_YEAR: Final = 2199
_MAX_IBAN_SPACED: Final = 64  # bytes; 34 letters and digits in groups of four
_MAX_DOMAIN: Final = 255  # bytes, RFC 5321 section 4.5.3.1

_ZERO: Final = 0x30
_NINE: Final = 0x39
_DOT: Final = 0x2E
_PLUS: Final = 0x2B
_HYPHEN: Final = 0x2D
_BLANK: Final = 0x20
_COLON: Final = 0x3A
_OPEN: Final = 0x28
_UNDERSCORE: Final = 0x5F
_WIDE: Final = 0xEF  # first byte of full-width forms
_WIDE_PLUS_BYTES: Final = (0xEF, 0xBC, 0x8B)

# Eight bytes at a time.
_TOPS: Final = np.uint64(0x8080808080808080)
_LOWS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONES: Final = np.uint64(0x0101010101010101)
_ZEROES: Final = np.uint64(0x3030303030303030)
_TENS: Final = np.uint64(0x0A0A0A0A0A0A0A0A)
_ATS: Final = np.uint64(0x4040404040404040)
_UP_FROM_D9: Final = np.uint64(0x2727272727272727)
_ONE: Final = np.uint64(1)
_NONE: Final = np.uint64(0)


class Places(NamedTuple):
    """Where private data could be, in the order of the text.

    Attributes:
        documents: int64[places], the document each is in.
        begins: int64[places], its first byte in the data of the batch.
        ends: int64[places], one past its last byte.
        kinds: int64[places], `AT_SIGN`, `NUMBER`, `CODE` or `IPV6`.
    """

    documents: Counts
    begins: Counts
    ends: Counts
    kinds: Counts


def _properties() -> Properties:
    table = np.zeros(_NUM_PROPERTIES, np.uint8)
    for zero in ZEROS:
        table[zero : zero + 10] = np.arange(1, 11)
    table[[ord(character) for character in SEPARATORS]] = _SEPARATOR
    table.flags.writeable = False
    return table


def _following(place: int) -> Hashes:
    """Per first byte of digits and at signs, as bits, the low six bits of their second or third bytes.

    All bits where the character has no such byte, so that a chance byte behind it does not count.
    """
    table = np.zeros(256, np.uint64)
    for codepoint in (*(zero + value for zero in ZEROS for value in range(10)), *AT_SIGNS):
        first, *others = chr(codepoint).encode()
        mask = 1 << (others[place] & 0x3F) if place < len(others) else 2**64 - 1
        table[first] |= np.uint64(mask)
    table.flags.writeable = False
    return table


_PROPERTIES: Final = _properties()
_SECONDS: Final = _following(0)
_THIRDS: Final = _following(1)


@inlined
def _is_quiet(word: np.uint64) -> bool:
    """Whether none of eight bytes is an ASCII digit, an at sign, or a lead byte from D9 on. Errs on the side of no."""
    digits = word ^ _ZEROES
    found = (digits - _TENS) & ~digits
    at_signs = word ^ _ATS
    found |= (at_signs - _ONES) & ~at_signs
    found |= ((word & _LOWS) + _UP_FROM_D9) & word
    return bool(found & _TOPS == _NONE)


@inlined
def _is_letter(byte: int) -> bool:
    lower = byte | 0x20
    return bool(0x61 <= lower <= 0x7A)


@inlined
def _is_alphanumeric(byte: int) -> bool:
    return bool(_is_letter(byte) or _ZERO <= byte <= _NINE)


@inlined
def _is_hex(byte: int) -> bool:
    lower = byte | 0x20
    return bool(_ZERO <= byte <= _NINE or 0x61 <= lower <= 0x66)


@inlined
def _property(properties: Properties, codepoint: int) -> int:
    if codepoint >= _NUM_PROPERTIES:
        return 0
    return integer(properties[codepoint])


@kernel
def _may_be_address(data: Bytes, start: int, position: int, following: int, end: int) -> bool:
    """Whether the at sign in [position, following) stands behind a character of a name and before a dotted domain."""
    if position == start or following >= end:
        return False
    before = integer(data[position - 1])
    if not (_is_alphanumeric(before) or before in (_UNDERSCORE, _HYPHEN, _PLUS) or before >= 0x80):
        return False
    first = integer(data[following])
    if not (_is_alphanumeric(first) or first >= 0x80):
        return False
    stop = min(end, following + _MAX_DOMAIN)
    for place in range(following, stop):
        byte = integer(data[place])
        # The full-width full stop begins like all full-width forms.
        if byte in (_DOT, _WIDE):
            return True
        if not (_is_alphanumeric(byte) or byte == _HYPHEN or byte >= 0x80):
            return False
    return False


@kernel
def _may_be_ipv6(data: Bytes, start: int, position: int, end: int) -> bool:
    """Whether a global unicast address (RFC 4291, 2000::/3) may begin here: four digits, the first 2 or 3, a colon."""
    if position + 6 > end or integer(data[position]) not in (0x32, 0x33) or data[position + 4] != _COLON:
        return False
    if position > start:
        before = integer(data[position - 1])
        if _is_alphanumeric(before) or before in (_COLON, _DOT, _UNDERSCORE):
            return False
    for place in range(position + 1, position + 4):
        if not _is_hex(integer(data[place])):
            return False
    after = integer(data[position + 5])
    return bool(_is_hex(after) or after == _COLON)


@kernel
def _may_be_iban(data: Bytes, position: int, end: int) -> bool:
    """Whether two letters, two digits and enough groups of letters and digits begin here."""
    if end - position < MIN_CODE:
        return False
    if not (_is_letter(integer(data[position])) and _is_letter(integer(data[position + 1]))):
        return False
    for place in (position + 2, position + 3):
        if not _ZERO <= integer(data[place]) <= _NINE:
            return False
    found, gap = 4, 0
    for place in range(position + 4, min(end, position + _MAX_IBAN_SPACED)):
        byte = integer(data[place])
        if _is_alphanumeric(byte):
            found, gap = found + 1, 0
            if found == MIN_CODE:
                return True
        elif byte in (_BLANK, _HYPHEN, 0xC2, 0xA0) and gap < 2:
            gap += 1
        else:
            return False
    return False


@kernel
def _is_behind_plus(data: Bytes, start: int, position: int) -> bool:
    place = position
    if place > start and data[place - 1] == _OPEN:
        place -= 1
    if place > start and data[place - 1] == _PLUS:
        return True
    return bool(
        place >= start + 3
        and data[place - 3] == _WIDE_PLUS_BYTES[0]
        and data[place - 2] == _WIDE_PLUS_BYTES[1]
        and data[place - 1] == _WIDE_PLUS_BYTES[2]
    )


@kernel
def _read_number(data: Bytes, position: int, end: int, properties: Properties) -> tuple[int, int, bool, bool]:
    """The number that begins here: its end, its digits, whether it is made of years and days, and of four parts
    between dots.
    """  # noqa: D205 (one sentence)
    digits, gap, groups, dotted = 0, 0, 0, 0
    length, value = 0, 0
    is_date, only_years, by_dot = True, True, False
    run_end = position
    while position < end:
        codepoint = integer(data[position])
        following = position + 1
        if codepoint >= 0x80:
            codepoint, following = decode(data, position, end)
        kind = _property(properties, codepoint)
        if kind == 0:
            break
        if kind <= _DIGIT:
            if gap or digits == 0:
                if groups:
                    is_year = length == 4 and _FIRST_YEAR <= value <= _LAST_YEAR
                    is_date = is_date and (is_year or length <= 2)
                    only_years = only_years and is_year
                    if by_dot and gap == 1:
                        dotted += 1
                groups, length, value = groups + 1, 0, 0
            digits, length, gap = digits + 1, length + 1, 0
            value = min(value * 10 + kind - 1, 99_999)
            run_end = following
        else:
            gap += 1
            if gap > MAX_GAP:
                break
            by_dot = codepoint == _DOT
        position = following
    is_year = length == 4 and _FIRST_YEAR <= value <= _LAST_YEAR
    is_date = is_date and (is_year or length <= 2)
    only_years = only_years and is_year
    return run_end, digits, (is_date and groups <= 3) or only_years, dotted >= 3


@kernel
def _read_code(data: Bytes, start: int, begin: int, end: int, stop: int) -> tuple[int, int, int]:
    """The letters and digits around [begin, end), at most MAX_CODE to each side: begin, end, and how many digits."""
    first = max(start, begin - MAX_CODE)
    while begin > first and _is_alphanumeric(integer(data[begin - 1])):
        begin -= 1
    last = min(stop, end + MAX_CODE)
    while end < last and _is_alphanumeric(integer(data[end])):
        end += 1
    digits = 0
    for place in range(begin, end):
        digits += _ZERO <= data[place] <= _NINE
    return begin, end, digits


@kernel
def _find(
    data: Bytes, offsets: Offsets, properties: Properties, seconds: Hashes, thirds: Hashes
) -> tuple[Counts, int]:
    places = np.empty((1024, 4), np.int64)
    used = 0
    for document in range(offsets.size - 1):
        start, end = offsets[document], offsets[document + 1]
        position, last = start, end - 2  # no place begins at the last two bytes
        while position < last:
            while position + 8 <= end and _is_quiet(read_word(data, position)):
                position += 8
            stop = min(last, position + 8)
            while position < stop:
                first, second, third = data[position], data[position + 1], data[position + 2]
                # One test, nearly always false: two would be guessed wrong half of the time in Arabic or Thai.
                if (
                    (seconds[first] >> np.uint64(second & 0x3F))
                    & (thirds[first] >> np.uint64(third & 0x3F))
                    & _ONE
                ):
                    break
                position += 1
            if position == stop:
                continue
            codepoint, following = decode(data, position, end)
            is_at = codepoint in AT_SIGNS
            if not is_at and not 0 < _property(properties, codepoint) <= _DIGIT:
                position = following
                continue
            if used + 3 > places.shape[0]:
                larger = np.empty((2 * places.shape[0], 4), np.int64)
                larger[:used] = places[:used]
                places = larger
            if is_at:
                if _may_be_address(data, start, position, following, end):
                    places[used] = (document, position, following, AT_SIGN)
                    used += 1
                position = following
                continue
            if _may_be_ipv6(data, start, position, end):
                places[used] = (document, position, position + 4, IPV6)
                used += 1
            run_end, digits, is_date, is_dotted = _read_number(data, position, end, properties)
            begins_code = position > start and _is_letter(integer(data[position - 1]))
            ends_code = run_end < end and _is_letter(integer(data[run_end]))
            if begins_code or ends_code:
                code_begin, code_end, code_digits = _read_code(data, start, position, run_end, end)
                size = code_end - code_begin
                if (
                    digits >= MIN_DIGITS
                    or (size <= MAX_CODE and code_digits >= MIN_DIGITS)
                    or (MIN_CODE <= size <= MAX_CODE and code_digits >= MIN_CODE_DIGITS)
                    or (position - code_begin == 2 and _may_be_iban(data, code_begin, end))
                ):
                    places[used] = (document, code_begin, code_end, CODE)
                    used += 1
                # Digits behind the letters are part of the same code.
                run_end = max(run_end, code_end) if size <= MAX_CODE else run_end
            elif (digits >= MIN_DIGITS and (not is_date or _is_behind_plus(data, start, position))) or (
                is_dotted and digits >= MIN_IPV4_DIGITS
            ):
                places[used] = (document, position, run_end, NUMBER)
                used += 1
            position = run_end
    return places, used


def find_places(data: Bytes, offsets: Offsets) -> Places:
    """The places of each document at which private data could be.

    - `AT_SIGN`: an at sign (also full-width and small), behind a letter, digit or mark of some script or one of
      `_+-`, and before at most 255 bytes of such characters and a full stop.
    - `NUMBER`: digits of any script with at most `MAX_GAP` `SEPARATORS` in a row between them, none before or behind
      them an ASCII letter. At least `MIN_DIGITS` of them, unless they are made of years and days: numbers of one or
      two digits and years from 1000 to 2199, at most three in all, or years only; behind a plus sign these too. Or
      four numbers between full stops, of at least `MIN_IPV4_DIGITS` digits.
    - `CODE`: digits with an ASCII letter before or behind: at least `MIN_DIGITS`, separators or not; or so many among
      at most `MAX_CODE` ASCII letters and digits in a row; or at least `MIN_CODE_DIGITS` among at least `MIN_CODE`; or
      with what follows, the beginning of an IBAN. It reaches from the first to the last of these letters and digits.
    - `IPV6`: four hexadecimal digits, the first 2 or 3, and a colon.

    Args:
        data: UTF-8 bytes of the batch, uint8.
        offsets: int64, one more than documents.

    Raises:
        TypeError, ValueError: the arrays are no batch (see `arrow_buffers.batch`).
    """
    data, offsets = batch(data, offsets)
    places, used = _find(data, offsets, _PROPERTIES, _SECONDS, _THIRDS)
    found = np.ascontiguousarray(places[:used].T)
    return Places(found[0], found[1], found[2], found[3])
