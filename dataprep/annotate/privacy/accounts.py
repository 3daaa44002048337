"""Bank accounts (IBAN, ISO 13616) and payment cards (ISO/IEC 7812).

**IBAN.** The structure of each country as SWIFT registers it, and the check digits (modulo 97). Groups of any length
with a space or hyphen between them, capitals or small letters throughout.

**Payment cards.** An issuer's range with a length that it uses, Luhn's check digit, and groups as printed on cards. A
bare number has to be of 14 to 16 digits, unless a word before it speaks of a card: nine in ten longer ones are ids.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from stdnum import iban, luhn, numdb

from dataprep.annotate.privacy.numbers import Number, stands_alone, word_pattern
from dataprep.annotate.privacy.view import Match, View, goes_on

_IBAN: Final = re.compile(r"[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_SEPARATORS: Final = str.maketrans("", "", " -")

# Issuer's range as a pattern of the first digits → lengths (issuers' published BIN ranges).
_ISSUERS: Final = (
    (re.compile(r"4"), {13, 16, 19}),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),  # Mastercard
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"6011|64[4-9]|65"), {16, 19}),  # Discover
    (re.compile(r"30[0-5]|3095|36|3[89]"), {14, 16, 19}),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), {16, 19}),  # JCB
    (re.compile(r"62|81"), {16, 17, 18, 19}),  # UnionPay, RuPay
    (re.compile(r"220[0-4]"), {16, 17, 18, 19}),  # Mir
    (re.compile(r"508|60|82"), {16}),  # RuPay
    (re.compile(r"9792"), {16}),  # Troy
    (re.compile(r"50(?:18|20|38)|5[68]|6304|6390|67"), {16, 18, 19}),  # Maestro
)
_GROUPED: Final = frozenset(
    shape.replace("-", separator)
    for shape in ("4-4-4-4", "4-6-5", "4-6-4", "4-4-4-4-3", "6-13", "4-4-4-4-2", "4-4-4-4-1", "8-8")
    for separator in " -."
)
_BARE: Final = frozenset({"14", "15", "16"})
_BARE_WITH_WORD: Final = _BARE | {"13", "17", "18", "19"}
_CARD_WORD: Final = word_pattern(
    "card visa mastercard maestro amex rupay unionpay carte tarjeta cartão carta kreditkarte karte kort kortti kaart "
    "kart kartı karta karty karte kártya карта карты карте картка κάρτα thẻ kartu kad بطاقة کارت کارڈ कार्ड কার্ড "
    "கார்டு కార్డు કાર્ડ കാർഡ് บัตร 卡 カード 카드 כרטיס ካርድ"
)


def ibans(view: View) -> Iterator[Match]:
    """The account number that begins with the view's place, or with two full-width letters before it."""
    start = view.start if view.plain[view.start].isalpha() else max(0, view.start - 2)
    match = _IBAN.match(view.plain, start)
    before = view.plain[start - 1 : start]
    if not match or before == "_" or (before.isascii() and before.isalnum()):
        return
    compact = match[0].translate(_SEPARATORS)
    size = _length(compact[:2].upper())
    if size is None or len(compact) < size or not _one_case(compact[:size]):
        return
    end, left = start, size
    while left:
        left -= view.plain[end] not in " -"
        end += 1
    after = view.plain[end : end + 1]
    if (after.isascii() and (after.isalnum() or after == "_")) or goes_on(view.text, end):
        return
    if iban.is_valid(compact[:size], check_country=False):
        yield Match("iban", start, end)


def _one_case(code: str) -> bool:
    return code.upper() == code or code.lower() == code


@cache
def _length(country: str) -> int | None:
    """Letters and digits of a country's account numbers; null where it has none."""
    ((_, properties), *_) = numdb.get("iban").info(country)
    parts = re.findall(r"([0-9]+)!", properties.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else None


def is_payment_card(view: View, number: Number) -> bool:
    """Whether the number is that of a payment card."""
    size = len(number.digits)
    if size < 13 or not stands_alone(view, number.start, number.end):
        return False
    if not any(pattern.match(number.digits) and size in sizes for pattern, sizes in _ISSUERS):
        return False
    if len(set(number.digits)) == 1 or not luhn.is_valid(number.digits):
        return False
    if number.shape in _GROUPED or number.shape in _BARE:
        return True
    return number.shape in _BARE_WITH_WORD and _CARD_WORD.search(view.before(number.start)) is not None
