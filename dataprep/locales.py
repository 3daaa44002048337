"""One table of all locales: codes, scripts, units, labels, sentence terminators. Adding a locale is one row.

Codes are BCP 47 (the shortest form that names the language) and ISO 639-3. `unit` says what a word is: `word` where
spaces separate words, `char` where they do not (Han, Kana, Thai, ...), so that n-grams and counts mean the same thing.
Columns that a row leaves out have their default: see `Locale`.
"""

from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["word", "char"]
StopWords = Literal["list", "corpus"]

LATIN_END: Final = ".!?…"
UNDETERMINED: Final = "und"  # ISO 639-3: a text whose language nobody could tell
NO_LANGUAGE: Final = "zxx"  # ISO 639-3: a text without language, such as noise
OTHER: Final = "mis"  # ISO 639-3, "uncoded": a language outside the set that was asked for

# Labels of corpora and models name scripts in more than one way.
SCRIPT_SYNONYMS: Final = {
    "Hani": "Hans",
    "Hant": "Hans",
    "Hang": "Kore",
    "Hira": "Jpan",
    "Kana": "Jpan",
    "Aran": "Arab",
}


@dataclass(frozen=True, slots=True)
class Locale:
    """One language as the pipeline sees it.

    Attributes:
        code: BCP 47, e.g. `pt`; what the `locale` column holds.
        iso639_3: e.g. `por`.
        name: English name, for reports.
        scripts: ISO 15924 codes of the scripts it is written in, separated by spaces, the commonest first.
        unit: `word` or `char`.
        fasttext: label of lid.176 without its `__label__` prefix; null where the model has none.
        terminators: characters that end a sentence; empty where the language uses none.
        aliases: codes that corpora use for the language: mC4, CC-100, Wikipedia and OpenSubtitles spellings.
        members: ISO 639-3 codes of the individual languages that models and corpora file under it, e.g. `arb`.
        close: codes of languages that a model confuses with this one, because hardly anything tells them apart in
            writing; a document declared to be in this language may be recognised as any of them.
        letters: lower-case letters of its alphabet; a to z go without saying in the Latin one. Empty: not checked.
        romanised: code of the language that this one is, written in Latin letters; null for all others.
        stop_words: where its function words come from: a `list` of our own in `annotate/language_cues.py`, or the
            commonest words of a reference `corpus` (FineWeb-2, Penedo et al. 2025, section 4.2).
    """

    code: str
    iso639_3: str
    name: str
    scripts: str
    unit: Unit
    fasttext: str | None
    terminators: str
    aliases: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    letters: str = ""
    romanised: str | None = None
    stop_words: StopWords = "corpus"

    @property
    def script(self) -> str:
        """ISO 15924 code of the script most text is written in."""
        return self.scripts.split()[0]

    @property
    def labels(self) -> frozenset[str]:
        """Labels of GlotLID and OpenLID that mean this language, such as `nob_Latn`, in its scripts' main spelling."""
        return frozenset(
            f"{code}_{SCRIPT_SYNONYMS.get(script, script)}"
            for code in (self.iso639_3, *self.members)
            for script in self.scripts.split()
        )


# fmt: off
_ROWS: Final = (
    Locale("af", "afr", "Afrikaans", "Latn", "word", "af", LATIN_END, letters="áèéêëíîïóôöúûüŉ",
        stop_words="list"),
    Locale("am", "amh", "Amharic", "Ethi", "word", "am", "።፡፧!?.", stop_words="list"),
    Locale("ar", "ara", "Arabic", "Arab", "word", "ar", ".!؟?…", members=("arb",), close=("arz",),
        stop_words="list"),
    Locale("az", "aze", "Azerbaijani", "Latn Cyrl", "word", "az", LATIN_END, members=("azj",),
        letters="çəğıöşüâéабвгғдеәжзиыјкҝлмноөпрстуүфхһчҹш", stop_words="list"),
    Locale("be", "bel", "Belarusian", "Cyrl", "word", "be", LATIN_END, aliases=("be-tarask", "be-x-old"),
        letters="абвгдеёжзійклмнопрстуўфхцчшыьэюяґ", stop_words="list"),
    Locale("bg", "bul", "Bulgarian", "Cyrl", "word", "bg", LATIN_END,
        letters="абвгдежзийклмнопрстуфхцчшщъьюяѝ", stop_words="list"),
    Locale("bn", "ben", "Bengali", "Beng", "word", "bn", "।!?."),
    Locale("bs", "bos", "Bosnian", "Latn Cyrl", "word", "bs", LATIN_END, close=("hr", "sh", "sr"),
        letters="čćđšžабвгдђежзијклљмнњопрстћуфхцчџш", stop_words="list"),
    Locale("ca", "cat", "Catalan", "Latn", "word", "ca", LATIN_END, letters="àçèéíïòóúüŀñ",
        stop_words="list"),
    Locale("ckb", "ckb", "Central Kurdish", "Arab", "word", "ckb", ".!؟?…", close=("ku",),
        stop_words="list"),
    Locale("cs", "ces", "Czech", "Latn", "word", "cs", LATIN_END, letters="áčďéěíňóřšťúůýžöüäĺľ",
        stop_words="list"),
    Locale("cy", "cym", "Welsh", "Latn", "word", "cy", LATIN_END, letters="áàâäéèêëíìîïóòôöúùûüýỳŷÿẃẁŵẅ"),
    Locale("da", "dan", "Danish", "Latn", "word", "da", LATIN_END, letters="æøåéèáóöäü", stop_words="list"),
    Locale("de", "deu", "German", "Latn", "word", "de", LATIN_END, letters="äöüßéèàáêç"),
    Locale("el", "ell", "Greek", "Grek", "word", "el", ".!;…"),
    Locale("en", "eng", "English", "Latn", "word", "en", LATIN_END, aliases=("simple",),
        letters="éèêëçñôöïüàâáíóæœ", stop_words="list"),
    Locale("eo", "epo", "Esperanto", "Latn", "word", "eo", LATIN_END, letters="ĉĝĥĵŝŭéá"),
    Locale("es", "spa", "Spanish", "Latn", "word", "es", LATIN_END, aliases=("es-419",),
        letters="áéíñóúüçàèò", stop_words="list"),
    Locale("et", "est", "Estonian", "Latn", "word", "et", LATIN_END, members=("ekk",), letters="äöõüšžé",
        stop_words="list"),
    Locale("eu", "eus", "Basque", "Latn", "word", "eu", LATIN_END, letters="ñçüáéíóú"),
    Locale("fa", "fas", "Persian", "Arab", "word", "fa", ".!؟…", members=("pes", "prs")),
    Locale("fi", "fin", "Finnish", "Latn", "word", "fi", LATIN_END, letters="äöåšžéü", stop_words="list"),
    Locale("fr", "fra", "French", "Latn", "word", "fr", LATIN_END, letters="àâæçéèêëîïôœùûüÿñäöáíó"),
    Locale("fy", "fry", "West Frisian", "Latn", "word", "fy", LATIN_END, letters="âáäêéëèîíïôóöûúüà",
        stop_words="list"),
    Locale("ga", "gle", "Irish", "Latn", "word", "ga", LATIN_END, letters="áéíóúàèìòùḃċḋḟġṁṗṡṫ"),
    Locale("gl", "glg", "Galician", "Latn", "word", "gl", LATIN_END, letters="áéíñóúüïç", stop_words="list"),
    Locale("gu", "guj", "Gujarati", "Gujr", "word", "gu", "।.!?"),
    Locale("he", "heb", "Hebrew", "Hebr", "word", "he", LATIN_END, aliases=("iw",)),
    Locale("hi", "hin", "Hindi", "Deva", "word", "hi", "।!?.", close=("hi-Latn",), stop_words="list"),
    Locale("hi-Latn", "hin", "Hindi in Latin letters", "Latn", "word", None, LATIN_END,
        aliases=("hi-rom", "hinglish"), close=("hi",), romanised="hi", stop_words="list"),
    Locale("hr", "hrv", "Croatian", "Latn", "word", "hr", LATIN_END, close=("bs", "sr", "sh"),
        letters="čćđšžéè", stop_words="list"),
    Locale("hu", "hun", "Hungarian", "Latn", "word", "hu", LATIN_END, letters="áéíóöőúüűäàç"),
    Locale("hy", "hye", "Armenian", "Armn", "word", "hy", "։.!?՞"),
    Locale("id", "ind", "Indonesian", "Latn", "word", "id", LATIN_END, close=("ms",), letters="éèêáíóúâî",
        stop_words="list"),
    Locale("is", "isl", "Icelandic", "Latn", "word", "is", LATIN_END, letters="áæéíðóöþúýøåäü",
        stop_words="list"),
    Locale("it", "ita", "Italian", "Latn", "word", "it", LATIN_END, letters="àáâçéèêíìîóòôúùûüöäñ"),
    Locale("ja", "jpn", "Japanese", "Jpan", "char", "ja", "。！？!?…"),
    Locale("jv", "jav", "Javanese", "Latn", "word", "jv", LATIN_END, letters="éèêâåôûîíìòùáóú"),
    Locale("ka", "kat", "Georgian", "Geor", "word", "ka", LATIN_END),
    Locale("kk", "kaz", "Kazakh", "Cyrl", "word", "kk", LATIN_END,
        letters="аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя"),
    Locale("km", "khm", "Khmer", "Khmr", "char", "km", "។៕!?"),
    Locale("kn", "kan", "Kannada", "Knda", "word", "kn", ".!?।"),
    Locale("ko", "kor", "Korean", "Kore", "word", "ko", ".!?…。"),
    Locale("ku", "kur", "Northern Kurdish", "Latn", "word", "ku", LATIN_END, members=("kmr",),
        close=("ckb",), letters="çêîşûéüöıàáâñ", stop_words="list"),
    Locale("ky", "kir", "Kyrgyz", "Cyrl", "word", "ky", LATIN_END,
        letters="абвгдеёжзийклмнңоөпрстуүфхцчшщъыьэюя"),
    Locale("la", "lat", "Latin", "Latn", "word", "la", LATIN_END, letters="āēīōūȳæœăĕĭŏŭëéáíóúàèìòù"),
    Locale("lb", "ltz", "Luxembourgish", "Latn", "word", "lb", LATIN_END, letters="äéëöüèêôâßàç"),
    Locale("lo", "lao", "Lao", "Laoo", "char", "lo", ""),
    Locale("lt", "lit", "Lithuanian", "Latn", "word", "lt", LATIN_END, letters="ąčęėįšųūžáéíóúàèìòùãẽĩõũỹñ",
        stop_words="list"),
    Locale("lv", "lav", "Latvian", "Latn", "word", "lv", LATIN_END, members=("lvs",),
        letters="āčēģīķļņšūžōŗäöü", stop_words="list"),
    Locale("mk", "mkd", "Macedonian", "Cyrl", "word", "mk", LATIN_END,
        letters="абвгдѓежзѕијклљмнњопрстќуфхцчџшѐѝ", stop_words="list"),
    Locale("ml", "mal", "Malayalam", "Mlym", "word", "ml", ".!?"),
    Locale("mn", "mon", "Mongolian", "Cyrl", "word", "mn", LATIN_END, members=("khk",),
        letters="абвгдеёжзийклмноөпрстуүфхцчшщъыьэюя"),
    Locale("mr", "mar", "Marathi", "Deva", "word", "mr", ".।!?", stop_words="list"),
    Locale("ms", "msa", "Malay", "Latn", "word", "ms", LATIN_END, members=("zsm", "zlm"), close=("id",),
        letters="éèêáíóúâî", stop_words="list"),
    Locale("mt", "mlt", "Maltese", "Latn", "word", "mt", LATIN_END, letters="ċġħżàèìòùéáíóúâêîôû"),
    Locale("my", "mya", "Burmese", "Mymr", "char", "my", "။!?"),
    Locale("ne", "nep", "Nepali", "Deva", "word", "ne", "।!?.", members=("npi",), stop_words="list"),
    Locale("nl", "nld", "Dutch", "Latn", "word", "nl", LATIN_END, letters="éëïóöüáèêàçâäíîôúûĳñ",
        stop_words="list"),
    Locale("nn", "nno", "Norwegian Nynorsk", "Latn", "word", "nn", LATIN_END, aliases=("nn-NO",),
        close=("no",), letters="æøåéèêóòôàüäö", stop_words="list"),
    Locale("no", "nob", "Norwegian Bokmål", "Latn", "word", "no", LATIN_END, aliases=("nb", "nb-NO"),
        members=("nor",), close=("nn", "da"), letters="æøåéèêóòôàüäö", stop_words="list"),
    Locale("or", "ori", "Odia", "Orya", "word", "or", "।.!?", members=("ory",)),
    Locale("pa", "pan", "Punjabi", "Guru", "word", "pa", "।.!?"),
    Locale("pl", "pol", "Polish", "Latn", "word", "pl", LATIN_END, letters="ąćęłńóśźżéüöä"),
    Locale("ps", "pus", "Pashto", "Arab", "word", "ps", ".!؟۔", members=("pbt", "pbu", "pst")),
    Locale("pt", "por", "Portuguese", "Latn", "word", "pt", LATIN_END, aliases=("pt-br", "pt-BR", "pt-PT"),
        letters="áâãàçéêíóôõúüñèò", stop_words="list"),
    Locale("ro", "ron", "Romanian", "Latn", "word", "ro", LATIN_END, letters="ăâîșțşţéüöáíóàè"),
    Locale("ru", "rus", "Russian", "Cyrl", "word", "ru", LATIN_END,
        letters="абвгдеёжзийклмнопрстуфхцчшщъыьэюя", stop_words="list"),
    Locale("sd", "snd", "Sindhi", "Arab Deva", "word", "sd", ".!؟۔"),
    Locale("si", "sin", "Sinhala", "Sinh", "word", "si", LATIN_END),
    Locale("sk", "slk", "Slovak", "Latn", "word", "sk", LATIN_END, letters="áäčďéíĺľňóôŕšťúýžěöü",
        stop_words="list"),
    Locale("sl", "slv", "Slovenian", "Latn", "word", "sl", LATIN_END, letters="čšžćđéêôèöüáíóú",
        stop_words="list"),
    Locale("so", "som", "Somali", "Latn", "word", "so", LATIN_END, letters="áéíóú"),
    Locale("sq", "sqi", "Albanian", "Latn", "word", "sq", LATIN_END, members=("als", "aln"),
        letters="çëéâêîôû"),
    Locale("sr", "srp", "Serbian", "Cyrl Latn", "word", "sr", LATIN_END, aliases=("sr-Latn", "sr-Cyrl"),
        close=("bs", "hr", "sh"), letters="абвгдђежзијклљмнњопрстћуфхцчџшčćđšžæè", stop_words="list"),
    Locale("sv", "swe", "Swedish", "Latn", "word", "sv", LATIN_END, letters="åäöéèàüáæøç",
        stop_words="list"),
    Locale("sw", "swa", "Swahili", "Latn", "word", "sw", LATIN_END, aliases=("swh",), members=("swh",),
        letters="áéíóú"),
    Locale("ta", "tam", "Tamil", "Taml", "word", "ta", ".!?"),
    Locale("te", "tel", "Telugu", "Telu", "word", "te", ".!?"),
    Locale("tg", "tgk", "Tajik", "Cyrl", "word", "tg", LATIN_END,
        letters="абвгғдеёжзиӣйкқлмнопрстуӯфхҳчҷшъьыщцэюя"),
    Locale("th", "tha", "Thai", "Thai", "char", "th", ""),
    Locale("tk", "tuk", "Turkmen", "Latn Cyrl", "word", "tk", LATIN_END,
        letters="çäžňöşüýéабвгдеёжҗзийклмнңоөпрстуүфхцчшщъыьэәюя", stop_words="list"),
    Locale("tl", "tgl", "Tagalog", "Latn", "word", "tl", LATIN_END, aliases=("fil",),
        letters="ñáéíóúàèìòùâêîôû", stop_words="list"),
    Locale("tr", "tur", "Turkish", "Latn", "word", "tr", LATIN_END, letters="çğıöşüâîûéä",
        stop_words="list"),
    Locale("tt", "tat", "Tatar", "Cyrl", "word", "tt", LATIN_END,
        letters="аәбвгдеёжҗзийклмнңоөпрстуүфхһцчшщъыьэюя"),
    Locale("ug", "uig", "Uyghur", "Arab", "word", "ug", ".!؟?۔"),
    Locale("uk", "ukr", "Ukrainian", "Cyrl", "word", "uk", LATIN_END,
        letters="абвгґдеєжзиіїйклмнопрстуфхцчшщьюяёыэъ", stop_words="list"),
    Locale("ur", "urd", "Urdu", "Arab", "word", "ur", "۔.!؟", close=("pnb",), stop_words="list"),
    Locale("uz", "uzb", "Uzbek", "Latn Cyrl", "word", "uz", LATIN_END, members=("uzn",),
        letters="ʻʼабвгғдеёжзийкқлмнопрстуўфхҳцчшъыьэюя", stop_words="list"),
    Locale("vi", "vie", "Vietnamese", "Latn", "word", "vi", LATIN_END,
        letters="àáâãèéêìíòóôõùúýăđĩũơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"),
    Locale("yi", "yid", "Yiddish", "Hebr", "word", "yi", LATIN_END, members=("ydd",)),
    Locale("zh", "zho", "Chinese", "Hans Hant", "char", "zh", "。！？!?…",
        aliases=("zh-hans", "zh-hant", "zh-cn", "zh-tw", "cmn"), members=("cmn",), close=("wuu", "yue"),
        stop_words="list"),
)
# fmt: on
LOCALES: Final[dict[str, Locale]] = {row.code: row for row in _ROWS}

_WIKIPEDIA_CODES: Final = {"als"}  # ISO: Tosk Albanian; Wikipedia and lid.176: Alemannic
_BY_SPELLING: Final[dict[str, str]] = {
    spelling.lower().replace("_", "-"): row.code
    for row in LOCALES.values()
    if row.romanised is None
    for spelling in (row.code, row.iso639_3, *row.members, *row.aliases)
    if spelling not in _WIKIPEDIA_CODES
} | {
    spelling.lower(): row.code
    for row in LOCALES.values()
    if row.romanised is not None
    for spelling in (row.code, *row.aliases)
}
_BY_LABEL: Final[dict[str, str]] = {label: row.code for row in LOCALES.values() for label in row.labels}
_BY_FASTTEXT: Final[dict[str, str]] = {row.fasttext: row.code for row in LOCALES.values() if row.fasttext}


def canonical_language(code: str | None) -> str | None:
    """BCP 47 code of a language that a corpus spells in its own way, or null.

    `iw` (mC4), `zh-Hans` and `hi_rom` (CC-100), `simple` (Wikipedia), `pt_br` (OpenSubtitles) and ISO 639-3 codes are
    resolved through the table. A code outside the table stays as it is, lower-cased, so that the ledger can name it.
    """
    if not code:
        return None
    spelling = code.lower().replace("_", "-")
    return _BY_SPELLING.get(spelling, spelling)


def language_of_label(label: str) -> str:
    """The code of a fastText model's label, without its `__label__` prefix.

    lid.176's labels (`nb` is `no` there) and those of GlotLID and OpenLID (`nob_Latn`) lead to their row. A language of
    the table in a script it has no row for keeps the script: `rus_Latn` is `ru-Latn`. Noise is `zxx` (`zxx_Zzzz`), a
    script without a language `und` (`und_Xsux`); any other label is its own name, lower-cased.
    """
    name, _, script = label.partition("_")
    if name in (NO_LANGUAGE, UNDETERMINED):
        return name
    if label in _BY_FASTTEXT:
        return _BY_FASTTEXT[label]
    if not script:
        return _BY_SPELLING.get(name.lower(), name.lower())
    known = _BY_LABEL.get(f"{name}_{SCRIPT_SYNONYMS.get(script, script)}")
    if known:
        return known
    code = _BY_SPELLING.get(name.lower())
    return f"{code}-{script}" if code else name.lower()
