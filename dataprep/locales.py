"""One table of all locales: codes, scripts, units, labels, sentence terminators. Adding a locale is one row.

Codes are BCP 47 (the shortest form that names the language) and ISO 639-3. `unit` says what a word is: `word` where
spaces separate words, `char` where they do not (Han, Kana, Thai, ...), so that n-grams and counts mean the same thing.
"""

from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["word", "char"]

LATIN_END: Final = ".!?…"
UNDETERMINED: Final = "und"  # ISO 639-3: a text whose language nobody could tell


@dataclass(frozen=True, slots=True)
class Locale:
    """One language as the pipeline sees it.

    Attributes:
        code: BCP 47, e.g. `pt`; what the `locale` column holds.
        iso639_3: e.g. `por`.
        name: English name, for reports.
        script: ISO 15924 code of the script most text is written in.
        unit: `word` or `char`.
        fasttext: label of lid.176 without its `__label__` prefix.
        terminators: characters that end a sentence; empty where the language uses none.
        aliases: codes that corpora use for the language: mC4, CC-100, Wikipedia and OpenSubtitles spellings.
        close: labels of lid.176 that it confuses with this language, because hardly anything tells them apart in
            writing; a document declared to be in this language may be recognised as any of them.
    """

    code: str
    iso639_3: str
    name: str
    script: str
    unit: Unit
    fasttext: str
    terminators: str
    aliases: tuple[str, ...] = ()
    close: tuple[str, ...] = ()


LOCALES: Final[dict[str, Locale]] = {
    row.code: row
    for row in (
        Locale("af", "afr", "Afrikaans", "Latn", "word", "af", LATIN_END),
        Locale("am", "amh", "Amharic", "Ethi", "word", "am", "።፡፧!?."),
        Locale("ar", "ara", "Arabic", "Arab", "word", "ar", ".!؟?…", close=("arz",)),
        Locale("az", "aze", "Azerbaijani", "Latn", "word", "az", LATIN_END),
        Locale("bg", "bul", "Bulgarian", "Cyrl", "word", "bg", LATIN_END),
        Locale("bn", "ben", "Bengali", "Beng", "word", "bn", "।!?."),
        Locale("ca", "cat", "Catalan", "Latn", "word", "ca", LATIN_END),
        Locale("cs", "ces", "Czech", "Latn", "word", "cs", LATIN_END),
        Locale("da", "dan", "Danish", "Latn", "word", "da", LATIN_END),
        Locale("de", "deu", "German", "Latn", "word", "de", LATIN_END),
        Locale("el", "ell", "Greek", "Grek", "word", "el", ".!;…"),
        Locale("en", "eng", "English", "Latn", "word", "en", LATIN_END, ("simple",)),
        Locale("es", "spa", "Spanish", "Latn", "word", "es", LATIN_END, ("es-419",)),
        Locale("et", "est", "Estonian", "Latn", "word", "et", LATIN_END),
        Locale("eu", "eus", "Basque", "Latn", "word", "eu", LATIN_END),
        Locale("fa", "fas", "Persian", "Arab", "word", "fa", ".!؟…", ("pes",)),
        Locale("fi", "fin", "Finnish", "Latn", "word", "fi", LATIN_END),
        Locale("fr", "fra", "French", "Latn", "word", "fr", LATIN_END),
        Locale("gu", "guj", "Gujarati", "Gujr", "word", "gu", "।.!?"),
        Locale("he", "heb", "Hebrew", "Hebr", "word", "he", LATIN_END, ("iw",)),
        Locale("hi", "hin", "Hindi", "Deva", "word", "hi", "।!?."),
        Locale("hr", "hrv", "Croatian", "Latn", "word", "hr", LATIN_END, close=("bs", "sr", "sh")),
        Locale("hu", "hun", "Hungarian", "Latn", "word", "hu", LATIN_END),
        Locale("hy", "hye", "Armenian", "Armn", "word", "hy", "։.!?՞"),
        Locale("id", "ind", "Indonesian", "Latn", "word", "id", LATIN_END, close=("ms",)),
        Locale("is", "isl", "Icelandic", "Latn", "word", "is", LATIN_END),
        Locale("it", "ita", "Italian", "Latn", "word", "it", LATIN_END),
        Locale("ja", "jpn", "Japanese", "Jpan", "char", "ja", "。！？!?…"),
        Locale("ka", "kat", "Georgian", "Geor", "word", "ka", LATIN_END),
        Locale("kk", "kaz", "Kazakh", "Cyrl", "word", "kk", LATIN_END),
        Locale("km", "khm", "Khmer", "Khmr", "char", "km", "។៕!?"),
        Locale("ko", "kor", "Korean", "Kore", "word", "ko", ".!?…。"),
        Locale("lo", "lao", "Lao", "Laoo", "char", "lo", ""),
        Locale("lt", "lit", "Lithuanian", "Latn", "word", "lt", LATIN_END),
        Locale("lv", "lav", "Latvian", "Latn", "word", "lv", LATIN_END),
        Locale("ml", "mal", "Malayalam", "Mlym", "word", "ml", ".!?"),
        Locale("mr", "mar", "Marathi", "Deva", "word", "mr", ".।!?"),
        Locale("ms", "msa", "Malay", "Latn", "word", "ms", LATIN_END, close=("id",)),
        Locale("my", "mya", "Burmese", "Mymr", "char", "my", "။!?"),
        Locale("ne", "nep", "Nepali", "Deva", "word", "ne", "।!?."),
        Locale("nl", "nld", "Dutch", "Latn", "word", "nl", LATIN_END),
        Locale(
            "no", "nob", "Norwegian Bokmål", "Latn", "word", "no", LATIN_END, ("nb", "nb-NO"), ("nn", "da")
        ),
        Locale("pl", "pol", "Polish", "Latn", "word", "pl", LATIN_END),
        Locale("pt", "por", "Portuguese", "Latn", "word", "pt", LATIN_END, ("pt-br", "pt-BR", "pt-PT")),
        Locale("ro", "ron", "Romanian", "Latn", "word", "ro", LATIN_END),
        Locale("ru", "rus", "Russian", "Cyrl", "word", "ru", LATIN_END),
        Locale("sk", "slk", "Slovak", "Latn", "word", "sk", LATIN_END),
        Locale("sl", "slv", "Slovenian", "Latn", "word", "sl", LATIN_END),
        Locale("sr", "srp", "Serbian", "Cyrl", "word", "sr", LATIN_END, close=("bs", "hr", "sh")),
        Locale("sv", "swe", "Swedish", "Latn", "word", "sv", LATIN_END),
        Locale("sw", "swa", "Swahili", "Latn", "word", "sw", LATIN_END, ("swh",)),
        Locale("ta", "tam", "Tamil", "Taml", "word", "ta", ".!?"),
        Locale("te", "tel", "Telugu", "Telu", "word", "te", ".!?"),
        Locale("th", "tha", "Thai", "Thai", "char", "th", ""),
        Locale("tl", "tgl", "Tagalog", "Latn", "word", "tl", LATIN_END, ("fil",)),
        Locale("tr", "tur", "Turkish", "Latn", "word", "tr", LATIN_END),
        Locale("uk", "ukr", "Ukrainian", "Cyrl", "word", "uk", LATIN_END),
        Locale("ur", "urd", "Urdu", "Arab", "word", "ur", "۔.!؟", close=("pnb",)),
        Locale("vi", "vie", "Vietnamese", "Latn", "word", "vi", LATIN_END),
        Locale(
            "zh",
            "zho",
            "Chinese",
            "Hans",
            "char",
            "zh",
            "。！？!?…",
            ("zh-hans", "zh-hant", "zh-cn", "zh-tw", "cmn"),
            ("wuu", "yue"),
        ),
    )
}

_BY_SPELLING: Final[dict[str, str]] = {
    spelling.lower().replace("_", "-"): row.code
    for row in LOCALES.values()
    for spelling in (row.code, row.iso639_3, *row.aliases)
}


def canonical_language(code: str | None) -> str | None:
    """BCP 47 code of a language that a corpus spells in its own way, or null.

    `iw` (mC4), `zh-Hans` (CC-100), `simple` (Wikipedia), `pt_br` (OpenSubtitles) and ISO 639-3 codes are resolved
    through the table. A code outside the table stays as it is, lower-cased, so that the ledger can name it.
    """
    if not code:
        return None
    spelling = code.lower().replace("_", "-")
    return _BY_SPELLING.get(spelling, spelling)
