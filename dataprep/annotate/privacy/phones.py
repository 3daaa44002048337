"""Telephone numbers, by Google's numbering plans (`phonenumbers`), screened so that few numbers get that far.

- International: a plus sign or 00, and a number that is in use in the plan of its country.
- National: valid in a country of the document's language, and either behind a word or sign for telephone, or written
  in the groups that the plan prescribes and in a way that no other number is: with a trunk prefix (0; 8 in Russia and
  Kazakhstan), an area code in brackets, or in North American groups. With both, the word and the way, the number may be
  of any country: news name the numbers of elsewhere.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

import phonenumbers
from phonenumbers import Leniency, NumberParseException, PhoneNumber, PhoneNumberMatcher, PhoneNumberType

from dataprep.annotate.privacy.numbers import Run, stands_alone, word_pattern
from dataprep.annotate.privacy.view import Match, View, goes_on

MIN_DIGITS: Final = 7
MAX_DIGITS: Final = 15  # ITU-T E.164
_MIN_INTERNATIONAL_DIGITS: Final = 7
_MIN_FOREIGN_DIGITS: Final = 9  # of a number of any country, behind a word for telephone and written like one
_MAX_GROUPS: Final = 12  # more are a table of numbers

# Countries whose plans are tried for a national number, by the document's language; those with most speakers first.
REGIONS: Final[dict[str, tuple[str, ...]]] = {
    "af": ("ZA",), "am": ("ET",), "ar": ("EG", "SA", "AE", "MA", "DZ", "IQ", "JO"), "az": ("AZ",), "bg": ("BG",),
    "bn": ("BD", "IN"), "ca": ("ES",), "cs": ("CZ",), "da": ("DK",), "de": ("DE", "AT", "CH"), "el": ("GR", "CY"),
    "en": ("US", "GB", "IN", "AU", "ZA", "IE", "NZ"), "es": ("ES", "MX", "AR", "CO", "CL", "PE", "VE"),
    "et": ("EE",), "eu": ("ES",), "fa": ("IR", "AF"), "fi": ("FI",), "fr": ("FR", "BE", "CH", "CA", "MA"),
    "gu": ("IN",), "he": ("IL",), "hi": ("IN",), "hr": ("HR",), "hu": ("HU",), "hy": ("AM",), "id": ("ID",),
    "is": ("IS",), "it": ("IT", "CH"), "ja": ("JP",), "ka": ("GE",), "kk": ("KZ",), "km": ("KH",), "ko": ("KR",),
    "lo": ("LA",), "lt": ("LT",), "lv": ("LV",), "ml": ("IN",), "mr": ("IN",), "ms": ("MY", "SG"), "my": ("MM",),
    "ne": ("NP",), "nl": ("NL", "BE"), "no": ("NO",), "pl": ("PL",), "pt": ("BR", "PT"), "ro": ("RO", "MD"),
    "ru": ("RU", "KZ", "BY"), "sk": ("SK",), "sl": ("SI",), "sr": ("RS", "BA", "ME"), "sv": ("SE", "FI"),
    "sw": ("KE", "TZ"), "ta": ("IN", "LK"), "te": ("IN",), "th": ("TH",), "tl": ("PH",), "tr": ("TR",),
    "uk": ("UA",), "ur": ("PK", "IN"), "vi": ("VN",), "zh": ("CN", "TW", "HK"),
}  # fmt: skip
# Where mobile numbers are commonly written without any grouping.
_UNGROUPED_MOBILE: Final = frozenset({"CN", "JP", "KR", "TW", "TH", "VN"})
_EIGHT_IS_TRUNK: Final = frozenset({"RU", "KZ", "BY"})

_WORD: Final = word_pattern(
    "tel tél tfn tlf tlfn tf tfno telf telefon telefono teléfono téléphone telefone telephone phone phones mobile mob "
    "cell cellphone call dial fax faks hotline helpline whatsapp viber telegram gsm handy mobil mobiel móvil móviles "
    "celular cellulare portable portatile telemóvel ligue llame llámenos appelez chiamare anrufen bel telefoon puhelin "
    "puh matkapuhelin telefonszám telefonos tel.szám komórka komórkowy kom telefonul telefonas telefons tālrunis "
    "tālr telefonu telefonnummer rufnummer sími telefoni telepon telpon hp simu namba điện_thoại đt sđt đtdđ di_động "
    "teléfonos téléphones telefones telefoner telefonen numara cep telefony telefonní тел телефон телефону телефоны "
    "телефони моб мобильный мобільний факс звоните звонить τηλ τηλέφωνο τηλεφωνο κιν φαξ հեռ հեռախոս "
    "ტელ ტელეფონი მობ טל טלפון נייד פקס هاتف هاتفي تلفون تليفون جوال موبايل محمول واتساب واتس فاكس تلفن موبایل "
    "تماس همراه نمابر فون موبائل رابطہ फोन फ़ोन मोबाइल मोबाईल दूरभाष टेलीफोन टेलिफोन संपर्क सम्पर्क फ्याक्स ফোন মোবাইল ফ্যাক্স "
    "தொலைபேசி அலைபேசி கைபேசி போன் ఫోన్ ఫోను మొబైల్ ಫೋನ್ ಮೊಬೈಲ್ ഫോൺ മൊബൈൽ ફોન મોબાઇલ ਫੋਨ ስልክ ሞባይል ፋክስ โทร โทรศัพท์ "
    "มือถือ แฟกซ์ เบอร์ ໂທ ໂທລະສັບ ទូរស័ព្ទ លេខទូរសព្ទ ទូរសព្ទ ဖုန်း 电话 電話 手机 手機 热线 熱線 传真 傳真 座机 致电 拨打 联系方式 "
    "携帯 ファックス ファクス 전화 전화번호 휴대폰 핸드폰 연락처 팩스 휴대전화 ☎ ☏ ✆ 📞 📱 📲"
)
_IN_BRACKETS: Final = re.compile(r"\(\+?[0-9]{2,6}\)")
_BEHIND_SLASH: Final = re.compile(r"0[0-9]{2,5} ?/ ?[0-9 -]{4,}\Z")
_NORTH_AMERICAN: Final = ([3, 3, 4], [1, 3, 3, 4])
_MIN_HYPHENATED_DIGITS: Final = 10


def phone_numbers(view: View, run: Run) -> Iterator[Match]:
    """The telephone numbers in the view's place."""
    if len(run.groups) > _MAX_GROUPS:
        return
    first = run.groups[0][0]
    opening = first - 1 if first and view.plain[first - 1] == "(" else first
    if opening and view.plain[opening - 1] == "+":
        found = _international(view, run, opening - 1)
        if found is not None:
            yield found
        return
    for numbers in _alternatives(run):
        matches = [found for groups in numbers if (found := _national(view, groups)) is not None]
        if matches:
            yield from matches
            return


def _alternatives(run: Run) -> Iterator[list[list[tuple[int, int]]]]:
    """The run as one number; then, if gaps of several signs could part numbers, as several."""
    yield [list(run.groups)]
    numbers = [[run.groups[0]]]
    for gap, group in zip(run.gaps, run.groups[1:], strict=True):
        if len(gap) > 1:
            numbers.append([group])
        else:
            numbers[-1].append(group)
    if len(numbers) > 1:
        yield numbers


def _international(view: View, run: Run, start: int) -> Match | None:
    """The number that begins with the plus sign at `start`: as many groups as make a valid one."""
    before = view.plain[start - 1 : start]
    if before and (before in "+*^=/\\_" or (before.isascii() and before.isalnum()) or before == ")"):
        return None
    for last in range(len(run.groups) - 1, -1, -1):
        end = run.groups[last][1]
        digits = sum(stop - begin for begin, stop in run.groups[: last + 1])
        if _MIN_INTERNATIONAL_DIGITS <= digits <= MAX_DIGITS + 1 and _is_end(view, end):
            number = _parsed(view.plain[start:end], None)
            if number is not None and phonenumbers.is_valid_number(number):
                return Match("phone_number", start, end)
    return None


def _is_end(view: View, end: int) -> bool:
    after = view.plain[end : end + 1]
    is_joined = after.isascii() and (after.isalnum() or after == "_") and after != ""
    return not is_joined and not goes_on(view.text, end)


def _national(view: View, groups: list[tuple[int, int]]) -> Match | None:
    """The number made of these groups, if it is one of a country of the document's language."""
    start, end = groups[0][0], groups[-1][1]
    if start and view.plain[start - 1] == "(":
        start -= 1
    written = view.plain[start:end]
    lengths = [stop - begin for begin, stop in groups]
    size = sum(lengths)
    if not MIN_DIGITS <= size <= MAX_DIGITS + 2 or not stands_alone(view, start, end):
        return None
    if goes_on(view.text, end):
        return None
    first = view.plain[slice(*groups[0])]
    is_telling = _is_telling(written, first, lengths)
    has_word = _WORD.search(view.before(start)) is not None
    if not is_telling and not has_word:
        return None
    found = Match("phone_number", start, end)
    if first.startswith("00") and size > _MIN_INTERNATIONAL_DIGITS and (len(groups) > 1 or has_word):
        number = _parsed("+" + written.lstrip("(")[2:], None)
        if number is not None and phonenumbers.is_valid_number(number):
            return found
    if is_telling and has_word and size >= _MIN_FOREIGN_DIGITS:
        return found
    is_known = any(_is_in_plan(written, lengths, region, has_word) for region in regions_of(view.locale))
    return found if is_known else None


@cache
def regions_of(locale: str) -> tuple[str, ...]:
    """Countries whose plans are tried, in this order: that of the locale, if it names one, then its language's."""
    language, _, country = locale.partition("-")
    own = (country,) if country in phonenumbers.SUPPORTED_REGIONS else ()
    return (*own, *(region for region in REGIONS.get(language, ()) if region != country))


def _is_telling(written: str, first: str, lengths: list[int]) -> bool:
    """Whether the way it is written is that of a telephone number; a cheap test that most other numbers fail."""
    if first[0] == "0" and len(first) > 1:
        return True
    if _IN_BRACKETS.search(written) or lengths in _NORTH_AMERICAN:
        return True
    if len(lengths) == 1:
        return len(first) == 11 and first[0] == "1"  # a mobile number in China
    if first in ("0", "8"):
        return written[len(first)] != "."
    return "-" in written and len(lengths) >= 3 and sum(lengths) >= _MIN_HYPHENATED_DIGITS


def _is_in_plan(written: str, lengths: list[int], region: str, has_word: bool) -> bool:
    number = _parsed(written, region)
    if number is None or not phonenumbers.is_valid_number(number):
        return False
    if has_word:
        return True
    if len(lengths) == 1:
        is_mobile = phonenumbers.number_type(number) == PhoneNumberType.MOBILE
        return region in _UNGROUPED_MOBILE and is_mobile
    if written[0] == "8" and region not in _EIGHT_IS_TRUNK:
        return False
    return _BEHIND_SLASH.match(written) is not None or _is_grouped(written, region)


def _is_grouped(written: str, region: str) -> bool:
    """Whether the groups are those of the numbering plan."""
    matches = PhoneNumberMatcher(written, region, leniency=Leniency.EXACT_GROUPING)
    return any(match.start <= 1 and match.end == len(written) for match in matches)


@lru_cache(maxsize=1024)
def _parsed(written: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(written, region)
    except NumberParseException:
        return None
