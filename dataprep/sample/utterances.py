"""A corpus of utterances as people speak to an assistant, in 15 locales, with what it holds known beforehand.

Frequencies follow the law of Zipf, some people speak more than others, and a part is older than any window. The
phrases are ours.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

LAST_DAY: Final = date(2026, 3, 31)
DAYS: Final = 130  # of records, up to the last day

# Per locale: phrases with a slot, and what may stand in it. A `#` in a phrase becomes a number in digits.
_PHRASES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "ar-SA": (("شغّل {}", "كيف الطقس في {}؟", "ذكّرني بـ{} بعد # دقائق", "اتصل بـ{}", "أضف {} إلى القائمة"),
              ("الموسيقى", "الرياض", "أمي", "الحليب", "الأخبار", "المطبخ", "العمل", "جدة")),
    "de-DE": (("Spiel {}", "Wie wird das Wetter in {}?", "Stell den Timer für {} auf # Minuten", "Ruf {} an",
               "Setz {} auf die Einkaufsliste"),
              ("Musik", "Köln", "Oma", "Brot", "die Nachrichten", "Küche", "Büro", "Jazz")),
    "en-GB": (("Play {}", "What's the weather in {}?", "Set a timer for {}, # minutes", "Ring {}",
               "Put {} on the shopping list"),
              ("some music", "Leeds", "mum", "oat milk", "the news", "the kitchen", "the office", "jazz")),
    "en-US": (("Play {}", "What's the weather in {}?", "Set a timer for {}, # minutes", "Call {}",
               "Add {} to my list"),
              ("some music", "Boston", "mom", "oat milk", "the news", "the kitchen", "the office", "jazz")),
    "es-ES": (("Pon {}", "¿Qué tiempo hace en {}?", "Pon un temporizador de # minutos para {}", "Llama a {}",
               "Añade {} a la lista"),
              ("música", "Sevilla", "mamá", "leche", "las noticias", "la cocina", "la oficina", "jazz")),
    "fr-FR": (("Mets {}", "Quel temps fait-il à {} ?", "Minuteur de # minutes pour {}", "Appelle {}",
               "Ajoute {} à l’aide-mémoire"),
              ("de la musique", "Nantes", "maman", "du lait", "les infos", "la cuisine", "le bureau", "du jazz")),
    "hi-IN": (("{} चलाओ", "{} में मौसम कैसा है?", "# मिनट बाद {} की याद दिलाना", "{} को फ़ोन करो", "सूची में {} जोड़ो"),
              ("गाना", "दिल्ली", "माँ", "दूध", "समाचार", "रसोई", "दफ़्तर", "भजन")),
    "it-IT": (("Metti {}", "Che tempo fa a {}?", "Timer di # minuti per {}", "Chiama {}", "Aggiungi {} alla lista"),
              ("musica", "Bari", "mamma", "il latte", "le notizie", "la cucina", "l'ufficio", "il jazz")),
    "ja-JP": (("{}をかけて", "{}の天気は？", "{}のタイマーを#分にして", "{}に電話して", "リストに{}を入れて。"),
              ("音楽", "札幌", "母", "牛乳", "ニュース", "台所", "会社", "ジャズ")),
    "nl-NL": (("Speel {}", "Wat voor weer wordt het in {}?", "Zet een wekker voor {} over # minuten", "Bel {}",
               "Zet {} op de lijst"),
              ("muziek", "Zwolle", "mama", "melk", "het nieuws", "de keuken", "kantoor", "jazz")),
    "pl-PL": (("Włącz {}", "Jaka jest pogoda, {}?", "Minutnik # minut, {}", "Zadzwoń: {}", "Dopisz do listy: {}"),
              ("muzykę", "Gdynia", "mama", "mleko", "wiadomości", "kuchnia", "biuro", "jazz")),
    "pt-BR": (("Toque {}", "Como está o tempo em {}?", "Timer de # minutos para {}", "Ligue para {}",
               "Adicione {} à lista"),
              ("música", "Recife", "mãe", "leite", "as notícias", "a cozinha", "o escritório", "samba")),
    "sv-SE": (("Spela {}", "Hur blir vädret i {}?", "Sätt timern på # minuter för {}", "Ring {}",
               "Lägg {} på listan"),
              ("musik", "Umeå", "mamma", "mjölk", "nyheterna", "köket", "kontoret", "jazz")),
    "ta-IN": (("{} போடு", "{} வானிலை எப்படி?", "# நிமிடத்தில் {} நினைவூட்டு", "{} அழை", "பட்டியலில் {} சேர்"),
              ("பாட்டு", "மதுரை", "அம்மா", "பால்", "செய்தி", "சமையலறை", "அலுவலகம்", "நாடகம்")),
    "tr-TR": (("{} çal", "{} için hava nasıl?", "{} için # dakikaya zamanlayıcı kur", "{} ara", "Listeye {} ekle"),
              ("müzik", "İzmir", "annem", "süt", "haberler", "mutfak", "IĞDIR", "caz")),
}  # fmt: skip
LOCALES: Final = tuple(_PHRASES)
_MALFORMED: Final = (
    b'{"text": "cut',
    b'{"locale": "en-US", "timestamp": 1}',
    b'{"text": "no time", "locale": "en-US"}',
)
_ZIPF: Final = 1.3


@dataclass(frozen=True, slots=True)
class UtteranceTruth:
    """What was written.

    Attributes:
        records: lines, malformed ones included.
        malformed: lines that hold no utterance.
        per_locale: locale → utterances written.
        outside: of all utterances, those older than `days` days before the end of the last day.
    """

    records: int
    malformed: int
    per_locale: dict[str, int]
    outside: int


def phrase(locale: str, rank: int) -> str:
    """The utterance of a rank in a locale; distinct ranks differ at least in a slot or number."""
    phrases, slots = _PHRASES[locale]
    turn, which = divmod(rank, len(phrases))
    turn, slot = divmod(turn, len(slots))
    text = phrases[which].format(slots[slot])
    if "#" in text:
        return text.replace("#", str(2 + turn))
    # Rare ones name a second thing.
    return f"{text} {slots[turn % len(slots)]} {turn}" if turn else text


def utterance_lines(
    locale: str, records: int, *, days: int, rng: np.random.Generator
) -> tuple[Iterator[bytes], int]:
    """JSON lines, and how many of them are older than `days` days before the end of the last day."""
    rank_R: npt.NDArray[np.int64] = np.minimum(rng.zipf(_ZIPF, records), 10 * records)
    speaker_R = rng.zipf(_ZIPF, records) % max(10, records // 5)
    age_R = rng.integers(0, DAYS * 86_400, records)
    spelling_R = rng.integers(0, 4, records)
    end = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC) + timedelta(days=1)

    def lines() -> Iterator[bytes]:
        columns = (rank_R.tolist(), speaker_R.tolist(), age_R.tolist(), spelling_R.tolist())
        for rank, speaker, age, spelling in zip(*columns, strict=True):
            text = phrase(locale, rank - 1)
            yield orjson.dumps(
                {
                    "text": (text, text.lower(), text + ".", f"  {text}!")[spelling],
                    "locale": locale,
                    "timestamp": (end - timedelta(seconds=age + 1)).isoformat(),
                    "user": f"u{speaker}",
                    "domain": "music" if rank % 5 == 1 else "other",
                }
            )

    return lines(), int((age_R >= days * 86_400).sum())


def write_utterances(
    folder: Path, records: int, *, locales: Sequence[str] = LOCALES, days: int = 98, seed: int = 1
) -> UtteranceTruth:
    """Write `<locale>.jsonl.gz` files with so many utterances in all, and some malformed lines in the first.

    Args:
        folder: created if missing.
        records: utterances; locales get less and less of them.
        locales: of `LOCALES`.
        days: the window for `outside`.
        seed: of the random numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    share = 1 / np.arange(1, len(locales) + 1)
    numbers = np.maximum(1, (records * share / share.sum()).astype(int)).tolist()
    outside = 0
    for index, (locale, number) in enumerate(zip(locales, numbers, strict=True)):
        lines, older = utterance_lines(locale, number, days=days, rng=np.random.default_rng([seed, index]))
        outside += older
        with gzip.open(folder / f"{locale}.jsonl.gz", "wb", compresslevel=1) as file:
            file.writelines(line + b"\n" for line in lines)
            if index == 0:
                file.writelines(line + b"\n" for line in _MALFORMED)
    return UtteranceTruth(
        sum(numbers) + len(_MALFORMED), len(_MALFORMED), dict(zip(locales, numbers, strict=True)), outside
    )
