"""Spoken form by rule: numbers as words, lower case, no punctuation; for text that is to read like transcribed speech.

Numbers are put into words by num2words where the library is right for the language (`_SPEECH` says how far), and stay
as they are everywhere else: in languages without a row, and where reading them aloud needs more than the number itself,
as dates, amounts of money, ranges, phone numbers, or an ordinal that only a full stop marks. What stays is counted.
Words are put in their basic form; agreement in case and gender is not attempted.

Combining marks, ZWNJ and ZWJ are part of words and are never touched, but for those inside an emoji, which goes as a
whole. Line ends stay.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import pyarrow as pa
from num2words import num2words

WRITTEN: Final = "written"
SPOKEN: Final = "spoken"
SPOKEN_CONVERTED: Final = "spoken_converted"


class Spoken(NamedTuple):
    """A text in spoken form.

    Attributes:
        text: the text.
        numbers: numbers that were put into words.
        numbers_left: numbers that stayed as they were, in digits.
    """

    text: str
    numbers: int
    numbers_left: int


@dataclass(frozen=True, slots=True)
class _Speech:
    """How one language reads numbers.

    Attributes:
        library: the language's key in num2words.
        largest: up to where the library was found right.
        point: the word for the decimal mark; null leaves decimals.
        decimal: the decimal mark; the other one of `.` and `,` groups thousands.
        percent: `{}` with the word for per cent; null leaves percentages.
        clock: `{h}` and `{m}` of 7:30; null leaves times. `sharp` is 7:00, `early` 7:05 where they differ.
        ordinal: what makes digits an ordinal number.
        stop_ordinal: whether a full stop does; such a number is left where a word follows.
        years: whether 1999 is read in hundreds.
        counters: characters that may follow the digits directly; where it is set, no number stands without one.
        mend: puts right what the library gives.
    """

    library: str
    largest: int = 10**12 - 1
    point: str | None = None
    decimal: str = ","
    percent: str | None = None
    clock: str | None = None
    sharp: str | None = None
    early: str | None = None
    ordinal: str | None = None
    stop_ordinal: bool = False
    years: bool = False
    counters: str | None = None
    mend: Callable[[str], str] = str


_TURKISH: Final = re.compile(
    "sıfır|milyon|milyar|bin|yüz|altmış|yetmiş|seksen|doksan|otuz|yirmi|kırk|elli|on|bir|iki|üç|dört|beş|altı|yedi|sekiz|dokuz"
)


def _apart(words: str) -> str:
    """The parts of a Turkish number as words of their own (Yazım Kılavuzu, Turkish Language Association)."""
    return " ".join(_TURKISH.findall(words))


def _unhyphenated(words: str) -> str:
    return words.replace("-", " ")


_SPEECH: Final[dict[str, _Speech]] = {
    "ar": _Speech("ar", decimal="."),
    "az": _Speech("az", percent="{} faiz"),
    "bn": _Speech("bn", decimal=".", percent="{} শতাংশ", largest=999_999_999),
    "ca": _Speech("ca", point="coma", percent="{} per cent"),
    "cs": _Speech("cs", stop_ordinal=True),
    "da": _Speech("da", point="komma", percent="{} procent", stop_ordinal=True, years=True, largest=999_999),
    "de": _Speech("de", point="komma", percent="{} prozent", clock="{h} uhr {m}", sharp="{h} uhr",
                  stop_ordinal=True, years=True),
    "en": _Speech("en", point="point", decimal=".", percent="{} percent", clock="{h} {m}", sharp="{h} o'clock",
                  early="{h} oh {m}", ordinal="st|nd|rd|th", years=True, mend=_unhyphenated),
    "es": _Speech("es", point="coma", percent="{} por ciento", clock="{h} y {m}", sharp="{h} en punto",
                  ordinal=r"\.?º"),
    "fa": _Speech("fa", decimal=".", percent="{} درصد"),
    "fi": _Speech("fi", point="pilkku", percent="{} prosenttia", stop_ordinal=True),
    "fr": _Speech("fr", point="virgule", percent="{} pour cent", clock="{h} heures {m}", sharp="{h} heures",
                  ordinal="er|e|ème"),
    "he": _Speech("he", point="נקודה", decimal="."),
    "hu": _Speech("hu", percent="{} százalék", stop_ordinal=True),
    "id": _Speech("id", point="koma", percent="{} persen"),
    "is": _Speech("is", stop_ordinal=True, largest=999_999),
    "it": _Speech("it", point="virgola", percent="{} per cento", clock="{h} e {m}", ordinal=r"\.?º"),
    "ja": _Speech("ja", point="点", decimal=".", percent="{}パーセント", clock="{h}時{m}分", sharp="{h}時"),
    "kk": _Speech("kz", percent="{} пайыз"),
    # Native numerals count things and hours, Sino-Korean ones years, minutes, seconds, money, degrees.
    "ko": _Speech("ko", point="점", decimal=".", percent="{} 퍼센트", counters="년분초원도"),
    "lt": _Speech("lt", stop_ordinal=True),
    "lv": _Speech("lv", stop_ordinal=True),
    "nl": _Speech("nl", point="komma", percent="{} procent", clock="{h} uur {m}", sharp="{h} uur",
                  ordinal="ste|de|e"),
    "no": _Speech("no", point="komma", percent="{} prosent", stop_ordinal=True, years=True, largest=999_999),
    "pl": _Speech("pl", point="przecinek", percent="{} procent", stop_ordinal=True),
    "pt": _Speech("pt_BR", point="vírgula", percent="{} por cento", clock="{h} e {m}", sharp="{h} horas",
                  ordinal=r"\.?º"),
    "ro": _Speech("ro", point="virgulă", percent="{} la sută"),
    "ru": _Speech("ru"),
    "sk": _Speech("sk", stop_ordinal=True),
    "sl": _Speech("sl", stop_ordinal=True, largest=999_999),
    "sv": _Speech("sv", point="komma", percent="{} procent", ordinal=":[ae]"),
    "th": _Speech("th", point="จุด", decimal=".", percent="{} เปอร์เซ็นต์"),
    "tr": _Speech("tr", percent="yüzde {}", mend=_apart, stop_ordinal=True),
    "uk": _Speech("uk"),
    "vi": _Speech("vi", point="phẩy", percent="{} phần trăm", largest=999),
}  # fmt: skip
# Not here though the library has them: am, sr, te, whose numbers it gets wrong or in another script.

_YEARS: Final = range(1100, 2100)
_UNSPACED: Final = frozenset({"ja", "th"})
_PLANE: Final = 0x10000
_PICTURES: Final = (
    "\U0001f000-\U0001faff"  # the one part of the other planes that matters; long sets are slow there
)
_DIGIT: Final = re.compile(r"\d")
_NUMBER_START: Final = re.compile(r"[\d%٪]")
_GROUPING: Final = re.compile(r"\D+")
_DIGIT_RUN: Final = re.compile(r"\d(?:[\d.,:/٫٬-]*\d)?")


def _characters(*categories: str) -> str:
    """A regular expression's set of the characters of some categories in the first plane (without its brackets)."""
    ranges: list[list[int]] = []
    for point in range(_PLANE):
        if unicodedata.category(chr(point)) not in categories:
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


_PUNCTUATION: Final = _characters("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps")
_SYMBOL: Final = _characters("Sc", "Sk", "Sm", "So") + _PICTURES
_SIGN: Final = _characters("Sc")
_EMOJI: Final = _characters("So", "Sk") + _PICTURES
_EMOJI_JOINERS: Final = "\u200d\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
# Signs that are part of a word between two of its letters: apostrophes, hyphens, the Catalan middle dot, Hebrew
# maqaf, geresh and gershayim, the Tibetan tsheg; and the Thai and Khmer signs that end one.
_IN_WORD: Final = frozenset("'’ʼ&-‐‑·\u05be\u05f3\u05f4\u0f0b")
_WORD_END: Final = "\u0e2f"
# Armenian marks of tone stand on a vowel inside the word: taken out, nothing is between its letters.
_INSIDE: Final = frozenset("\u055b\u055c\u055e")

_RUN: Final = re.compile(
    rf"[{_PUNCTUATION}{_SYMBOL}][{_PUNCTUATION}{_SYMBOL}]*(?:(?<=[{_EMOJI}])[{_EMOJI_JOINERS}]+[{_PUNCTUATION}{_SYMBOL}]*)*"
)
_PLACEHOLDER: Final = re.compile(r"(<[a-z]+(?:-[a-z]+)*>)")  # of annotate/privacy
_BEFORE_DIGITS: Final = re.compile(rf"[%٪+−{_SIGN}-]+\Z")
_BEHIND_DIGITS: Final = re.compile(rf"[%‰°٪{_SIGN}]")
_WORD_FOLLOWS: Final = re.compile(r"[^\S\n]+[^\W\d_]")
_SPACES: Final = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
# Most punctuation is plain, and goes without a look around.
_PLAIN: Final = re.compile(r"[.,!?;:،؟。、।](?=\s|\Z)")
_PLAIN_BUT_STOP: Final = re.compile(r"[,!?;:](?=\s|\Z)")
_AROUND_LINE_END: Final = re.compile(r" ?\n ?")
_MANY_LINE_ENDS: Final = re.compile(r"\n{3,}")

_OPENING: Final = _characters("Ps", "Pi") + "\"'¿¡"
_CLOSING: Final = _characters("Pe", "Pf") + r"\"'.,;:!?…।؟،؛።、。！？"


@cache
def _numbers(language: str) -> re.Pattern[str]:
    """What a number that can be read stands between, and what it is made of, in one language."""
    speech = _SPEECH[language]
    group = "." if speech.decimal == "," else ","
    spaces = "\u00a0\u202f" + (" " if speech.decimal == "," else "")
    grouped = rf"\d{{1,3}}(?:(?:[{group}٬]\d{{3}})+|(?:[{spaces}]\d{{3}})+)|\d+"
    if language == "bn":
        grouped = rf"\d{{1,2}}(?:,\d{{2}})*,\d{{3}}|{grouped}"
    ordinal = rf"|(?P<ordinal>{speech.ordinal})" if speech.ordinal else ""
    hours = rf"(?: ?(?i:{re.escape(speech.sharp.removeprefix('{h}').strip())}))?" if speech.sharp else ""
    number = (
        rf"(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}}){hours}"
        rf"|(?P<percent_before>[%٪])?(?P<whole>{grouped})(?:[{speech.decimal}٫](?P<part>\d+))?"
        rf"(?:(?P<percent>[\u00a0\u202f ]?[%٪％]){ordinal})?"
    )
    if language in _UNSPACED:
        before, behind = r"(?<![0-9A-Za-z.,:/+#@_\d-])", r"(?![0-9A-Za-z\d]|[.,:/-]\d)"
    else:
        # Not in a run of longer numbers, which is somebody's telephone.
        before = rf"(?<![^\s{_OPENING}])(?<!\d\d\d )"
        behind = rf"(?=[{_CLOSING}]*(?:\s|$))(?! \d\d\d)"
        if speech.counters:
            behind = rf"(?= ?[{speech.counters}]|{behind})"
        if speech.stop_ordinal:
            behind = rf"(?!\.[^\S\n]+\w){behind}"
    return re.compile(f"{before}(?:{number}){behind}")


def _value(digits: str) -> int:
    """The number that digits of any script and their grouping marks stand for."""
    return int(_GROUPING.sub("", digits))


@lru_cache(maxsize=1 << 16)
def _words(language: str, number: int, to: str = "cardinal") -> str | None:
    """A number in words, or null where the library cannot."""
    speech = _SPEECH[language]
    if number > speech.largest:
        return None
    try:
        words = str(num2words(number, lang=speech.library, to=to))
    except (NotImplementedError, OverflowError, ValueError, AttributeError, IndexError, KeyError, TypeError):
        return None
    return speech.mend(" ".join(words.replace(",", " ").split())) or None


def _read(language: str, found: re.Match[str]) -> str | None:
    """A number as it is read aloud, or null where that needs more than the number."""
    speech = _SPEECH[language]
    if found["hour"]:
        return _read_time(speech, language, int(found["hour"]), int(found["minute"]))
    whole = found["whole"]
    if (len(whole) > 1 and _value(whole[0]) == 0) or (speech.counters and not _counted(found)):
        return None  # 007 is no seven
    number = _value(whole)
    percent = found["percent_before"] or found["percent"]
    if speech.ordinal and found["ordinal"]:
        return None if found["part"] or percent else _words(language, number, "ordinal")
    is_year = speech.years and number in _YEARS and whole.isdigit() and not found["part"] and not percent
    words = _words(language, number, "year" if is_year else "cardinal")
    if words is None:
        return None
    if found["part"]:
        if speech.point is None:
            return None
        digits = [_words(language, int(digit)) or "" for digit in found["part"]]
        separator = "" if language in _UNSPACED else " "
        words = separator.join([words, speech.point, *digits])
    if percent:
        return speech.percent.format(words) if speech.percent else None
    return words


def _counted(found: re.Match[str]) -> bool:
    """Whether Korean reads the number in Sino-Korean: before its counters, with per cent or a decimal part."""
    following = found.string[found.end() : found.end() + 2].lstrip(" ")
    return bool(
        found["percent"] or found["part"] or (following and following[0] in str(_SPEECH["ko"].counters))
    )


def _read_time(speech: _Speech, language: str, hour: int, minute: int) -> str | None:
    template = speech.clock
    if minute == 0:
        template = speech.sharp
    elif minute < 10:
        template = speech.early or template
    # One o'clock and midnight have forms of their own in most languages.
    if template is None or minute > 59 or not 2 <= hour <= 23:
        return None
    words = _words(language, hour), _words(language, minute)
    return template.format(h=words[0], m=words[1]) if all(words) else None


def spoken_form(text: str, language: str | None) -> Spoken:
    """The spoken form of a text, in NFC; at most as many lines as the text has.

    Args:
        text: the text, in NFC.
        language: BCP 47 code of its language, with or without a region; null where it is not known.
    """
    base = (language or "").partition("-")[0]
    said = left = 0
    if _DIGIT.search(text):
        if base in _SPEECH:
            text, said = _with_words(text, base)
        left = len(_DIGIT_RUN.findall(text))
    return Spoken(_bare(text, base), said, left)


def _with_words(text: str, language: str) -> tuple[str, int]:
    """The text with its numbers in words, and how many those were."""
    numbers = _numbers(language)
    pieces: list[str] = []
    said = at = 0
    # The pattern is tried where a number could begin; to search with it would try it everywhere.
    for candidate in _NUMBER_START.finditer(text):
        if candidate.start() < at or (found := numbers.match(text, candidate.start())) is None:
            continue
        words = _read(language, found)
        said += words is not None
        pieces += [text[at : found.start()], found[0] if words is None else words]
        at = found.end()
    return "".join([*pieces, text[at:]]), said


def _bare(text: str, language: str) -> str:
    """The text in lower case and without punctuation."""
    if language in {"tr", "az"}:
        text = text.replace("İ", "i").replace("I", "ı")
    text = text.lower()
    if "<" in text:
        pieces = _PLACEHOLDER.split(text)
        pieces[::2] = [_unpunctuated(piece, language) for piece in pieces[::2]]
        text = "".join(pieces)
    else:
        text = _unpunctuated(text, language)
    text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = _MANY_LINE_ENDS.sub("\n\n", _AROUND_LINE_END.sub("\n", text))
    text = text.strip()
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _unpunctuated(text: str, language: str) -> str:
    """The text with a space for every run of punctuation and symbols, but for those that belong to a word or number."""
    stop_ordinal = language in _SPEECH and _SPEECH[language].stop_ordinal
    text = (_PLAIN_BUT_STOP if stop_ordinal else _PLAIN).sub(" ", text)

    def instead(found: re.Match[str]) -> str:
        run = found[0]
        before = text[found.start() - 1 : found.start()]
        behind = text[found.end() : found.end() + 1]
        if before and behind and len(run) == 1 and run in _IN_WORD and not (before + behind).isspace():
            if before.isspace() or behind.isspace():
                return run if run == "-" and behind.isdigit() else " "
            return "'" if run in "’ʼ" else run
        if before.isdigit() and behind.isdigit():
            return run
        if run[0] == _WORD_END and before.strip():
            return run[0] + " "
        if stop_ordinal and run == "." and before.isdigit() and _WORD_FOLLOWS.match(text, found.end()):
            return run
        kept = run[0] if before.isdigit() and _BEHIND_DIGITS.match(run) else ""
        if behind.isdigit() and (sign := _BEFORE_DIGITS.search(run)):
            return f"{kept} {sign[0]}"
        return "" if _INSIDE.issuperset(run) else f"{kept} "

    return _RUN.sub(instead, text)


def spoken_forms(
    texts: pa.StringArray, languages: list[str | None]
) -> tuple[pa.StringArray, pa.Array, pa.Array]:
    """The spoken forms of a batch.

    Args:
        texts: texts in NFC, no nulls.
        languages: language of each; null where it is not known.

    Returns:
        The texts, and as int32 how many numbers of each were put into words, and how many stayed.
    """
    forms = [spoken_form(text, language) for text, language in zip(texts.to_pylist(), languages, strict=True)]
    return (
        pa.array([form.text for form in forms], pa.string()),
        pa.array([form.numbers for form in forms], pa.int32()),
        pa.array([form.numbers_left for form in forms], pa.int32()),
    )
