"""Junk that quality rules should drop, planted from a locale's own clean text, by kind. Seeded; nothing is quoted.

Every kind stands for something that crawls are full of. What is made is as long as a page's text: rules on length find
none of it, but for the texts that break off.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dataprep.locales import LOCALES

_LOREM: Final = [
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "sed",
    "do",
    "eiusmod",
    "tempor",
    "incididunt",
    "ut",
    "labore",
    "et",
    "dolore",
    "magna",
    "aliqua",
    "enim",
    "ad",
    "minim",
    "veniam",
    "quis",
    "nostrud",
    "exercitation",
    "ullamco",
    "laboris",
    "nisi",
    "aliquip",
    "ex",
    "ea",
    "commodo",
    "consequat",
]
_SYMBOLS: Final = "★☆♥♦♣♠▲▼◄►■□●○◆◇※†‡§¶©®™+=~^|<>$€¥£%&@#*_\\/😀🔥👉✅❌🎉💥"
_NAMES: Final = [
    "data",
    "item",
    "index",
    "value",
    "result",
    "node",
    "list",
    "buffer",
    "user",
    "total",
    "count",
    "width",
    "offset",
    "state",
    "event",
]
_NOTICES: Final = (
    "This site uses cookies to make your visit pleasant.",
    "By going on you accept our cookies.",
    "Please switch on JavaScript to see this page.",
    "Read our privacy policy and the terms of use.",
    "Manage cookies",
    "JavaScript is off in your browser.",
    "More about cookies on this site",
    "See the terms of service for what you may do here.",
)


@dataclass(frozen=True, slots=True)
class Clean:
    """A locale's clean text, as the planter draws from it.

    Attributes:
        locale: its code.
        texts: documents.
        words: their words; in scripts without spaces, runs of two to four characters.
        sentences: their lines and sentences.
    """

    locale: str
    texts: Sequence[str]
    words: Sequence[str]
    sentences: Sequence[str]

    @property
    def joiner(self) -> str:
        """What stands between words."""
        return " " if LOCALES[self.locale].unit == "word" else ""


def clean(locale: str, texts: Sequence[str], draw: random.Random) -> Clean:
    """The clean text of a locale, cut up."""
    if LOCALES[locale].unit == "word":
        words = [_bare(token) for text in texts for token in text.split()]
    else:
        words = [run for text in texts for run in _runs(text, draw)]
    sentences = [line.strip() for text in texts for line in re.split(r"\n|(?<=[.!?।۔።]) ", text)]
    return Clean(
        locale, texts, [word for word in words if word], [each for each in sentences if len(each) > 20]
    )


def _bare(token: str) -> str:
    return token.strip(".,;:!?…\"'«»„“”‘’()[]{}–—-/।۔،؛؟።፣፤፡")


def _runs(text: str, draw: random.Random) -> list[str]:
    """Runs of letters cut into pieces of two to four characters, marks staying with theirs."""
    pieces = []
    for run in re.findall(
        r"[^\W\d_](?:[^\W\d_]|[\u0e31-\u0e4e\u0eb1-\u0ecd\u1780-\u17d3\u102b-\u103e])*", text
    ):
        first = 0
        while first < len(run):
            last = first + draw.randint(2, 4)
            while last < len(run) and unicodedata.category(run[last])[0] == "M":
                last += 1
            pieces.append(run[first:last])
            first = last
    return pieces


def content_words(source: Clean, draw: random.Random, count: int) -> list[str]:
    """Different words, the longer half of the vocabulary: what people search for."""
    vocabulary = sorted({word for word in source.words if not any(map(str.isdigit, word))})
    vocabulary.sort(key=len)
    longer = vocabulary[len(vocabulary) // 2 :] or vocabulary
    return draw.sample(longer, min(count, len(longer)))


def keyword_list(source: Clean, draw: random.Random) -> str:
    """Keywords, parted by commas, bars or blanks."""
    words = content_words(source, draw, draw.randint(60, 150))
    return draw.choice([", ", ", ", "、" if source.joiner == "" else " | ", " / "]).join(words)


def menu(source: Clean, draw: random.Random) -> str:
    """Navigation: an entry a line, one to three words, some with an arrow."""
    lines = []
    for _ in range(draw.randint(40, 90)):
        entry = source.joiner.join(draw.choices(source.words, k=draw.randint(1, 3)))
        entry = entry[:1].upper() + entry[1:]
        lines.append(draw.choice(["{}", "{}", "{}", "» {}", "{} ›", "• {}"]).format(entry))
    return "\n".join(lines)


def repeated_lines(source: Clean, draw: random.Random) -> str:
    """A few lines over and over."""
    few = draw.sample(list(source.sentences), min(4, len(source.sentences)))
    return "\n".join(draw.choice(few) for _ in range(draw.randint(20, 40)))


def seo_repetition(source: Clean, draw: random.Random) -> str:
    """A search phrase in every few words."""
    phrase = source.joiner.join(content_words(source, draw, draw.randint(2, 3)))
    parts = []
    for _ in range(draw.randint(25, 45)):
        parts += [phrase, *draw.choices(source.words, k=draw.randint(2, 4))]
        if draw.random() < 0.2:
            parts[-1] += "." if source.joiner else "。"
    return source.joiner.join(parts)


def lorem_ipsum(source: Clean, draw: random.Random) -> str:
    """Placeholder paragraphs under a heading in the language."""
    paragraphs = [" ".join(draw.choices(source.words, k=3))]
    for _ in range(draw.randint(2, 5)):
        words = [*_LOREM[:2], *draw.choices(_LOREM, k=draw.randint(40, 80))]
        paragraphs.append(" ".join(words).capitalize() + ".")
    return "\n\n".join(paragraphs)


def code(source: Clean, draw: random.Random) -> str:
    """A program: with braces, or without."""
    with_braces = draw.random() < 0.6
    lines = []
    for _ in range(draw.randint(20, 50)):
        one, other = draw.choices(_NAMES, k=2)
        number = draw.randint(0, 512)
        if with_braces:
            shapes = (
                f"function {one}_{other}(a, b) {{ return a[{number}] + b; }}",
                f"if ({one}.{other} != null) {{ {one}.{other} = {number}; }}",
                f".{one}-{other} {{ width: {number}px; margin: 0 auto; }}",
                f"for (var i = 0; i < {one}.length; i++) {{ {other}[i] = {one}[i]; }}",
            )
        else:
            shapes = (
                f"def {one}_{other}(self, x={number}): return x + self.{other}[{number}]",
                f"    {one} = [{other}[i] for i in range({number}) if i % 2 == 0]",
                f"SELECT {one}, {other} FROM t{number} WHERE {one} > {number};",
                f'<div class="{one}-{other}"><a href="/{one}/{number}">{other}</a></div>',
            )
        lines.append(draw.choice(shapes))
    return "\n".join(lines)


def mojibake(source: Clean, draw: random.Random) -> str:
    """UTF-8 read as a one-byte code page, with bytes lost on the way, so that nothing can undo it."""
    text = draw.choice(source.texts)[:3000]
    if sum(character > "\x7f" for character in text) > 0.1 * len(text):
        data = bytes(byte for byte in text.encode() if draw.random() > 0.2)
        return data.decode("cp1252", errors="replace")
    return "".join("\ufffd" if draw.random() < 0.02 else character for character in text)


def lost_characters(source: Clean, draw: random.Random) -> str:
    """Text with replacement characters in it."""
    text, share = draw.choice(source.texts)[:3000], draw.uniform(0.01, 0.05)
    return "".join("\ufffd" if draw.random() < share else character for character in text)


def snippets(source: Clean, draw: random.Random) -> str:
    """Search results: beginnings of sentences that break off."""
    lines = []
    for _ in range(draw.randint(12, 30)):
        sentence = draw.choice(source.sentences)
        lines.append(
            sentence[: draw.randint(15, max(16, min(90, len(sentence) - 3)))].rstrip(" .")
            + draw.choice(["...", "…", " ...", ""])
        )
    return "\n".join(lines)


def broken_off(source: Clean, draw: random.Random) -> str:
    """The beginning of a sentence, and nothing else."""
    sentence = draw.choice(source.sentences)
    if source.joiner:
        return " ".join(sentence.split()[: draw.randint(3, 12)])
    return sentence[: draw.randint(8, 25)]


def number_table(source: Clean, draw: random.Random) -> str:
    """Rows of figures with a word or two."""
    rows = []
    for _ in range(draw.randint(15, 50)):
        cells = [f"{draw.randint(0, 99999) / draw.choice([1, 10, 100]):g}" for _ in range(draw.randint(4, 9))]
        rows.append("\t".join([draw.choice(source.words), *cells]))
    return "\n".join(rows)


def symbol_soup(source: Clean, draw: random.Random) -> str:
    """Symbols and pictures with words among them."""
    parts = []
    for _ in range(draw.randint(80, 200)):
        parts.append("".join(draw.choices(_SYMBOLS, k=draw.randint(1, 6))))
        if draw.random() < 0.4:
            parts.append(draw.choice(source.words))
    return " ".join(parts)


def url_list(source: Clean, draw: random.Random) -> str:
    """Addresses, one a line, some with a word."""
    lines = []
    for _ in range(draw.randint(15, 40)):
        host, path = f"{draw.choice(_NAMES)}{draw.randint(1, 99)}", draw.choice(_NAMES)
        address = f"https://www.{host}.example/{path}/{draw.randint(1, 9999)}"
        lines.append(f"{draw.choice(source.words)} {address}" if draw.random() < 0.5 else address)
    return "\n".join(lines)


def shouting(source: Clean, draw: random.Random) -> str:
    """Running text in capitals; where the script has none, exclamation marks after every other word."""
    text = draw.choice(source.texts)[:2000]
    if sum(character != character.upper() for character in text) > len(text) / 3:
        return text.upper()
    words = draw.choices(source.words, k=80)
    return source.joiner.join(word + ("!!!" if draw.random() < 0.5 else "") for word in words)


def notices(source: Clean, draw: random.Random) -> str:
    """Notices on cookies and scripts, with a few words of the page among them."""
    lines = draw.choices(_NOTICES, k=draw.randint(8, 16))
    for _ in range(draw.randint(2, 5)):
        lines.insert(draw.randrange(len(lines)), source.joiner.join(draw.choices(source.words, k=3)))
    return "\n".join(lines)


KINDS: Final[dict[str, Callable[[Clean, random.Random], str]]] = {
    "keyword list": keyword_list,
    "menu": menu,
    "repeated lines": repeated_lines,
    "SEO repetition": seo_repetition,
    "lorem ipsum": lorem_ipsum,
    "code": code,
    "mojibake": mojibake,
    "lost characters": lost_characters,
    "search snippets": snippets,
    "broken off": broken_off,
    "number table": number_table,
    "symbol soup": symbol_soup,
    "list of URLs": url_list,
    "shouting": shouting,
    "notices": notices,
}
WRONG_SCRIPT: Final = "wrong script"


def planted(
    locale: str, texts: Sequence[str], foreign: Sequence[str], *, seed: int, per_kind: int
) -> list[tuple[str, str]]:
    """Kind and text of so many documents of each kind.

    Args:
        locale: declared locale of the junk.
        texts: clean documents of the locale, at least one.
        foreign: clean documents in other scripts.
        seed: of the random choices.
        per_kind: documents of each kind.
    """
    draw = random.Random(f"{seed} {locale}")
    source = clean(locale, texts, draw)
    made = [(kind, make(source, draw)) for kind, make in KINDS.items() for _ in range(per_kind)]
    return made + [(WRONG_SCRIPT, draw.choice(foreign)) for _ in range(per_kind)]
