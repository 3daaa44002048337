"""Sample articles as Wikipedia stores them: wikitext whose running text is known, inside MediaWiki export XML.

Every construct used here is one that readers must see through: templates, infobox, table, footnotes, links with labels,
file links, categories, comments, headings, lists, bold and italic. None adds text of its own.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from dataprep.sample import reference
from dataprep.sample.compose import CHARACTER_LANGUAGES, Draft, bare, clusters
from dataprep.sample.languages import LANGUAGES, SampleLanguage

_CHARACTER_TITLE: Final = 4
_PAGES_PER_STREAM: Final = 5


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a dump.

    Attributes:
        title: full title, with the namespace where it is not an article.
        namespace: number of the namespace; 0 for articles.
        wikitext: source of the page.
        redirect: title of the page it redirects to, or null.
    """

    title: str
    namespace: int
    wikitext: str
    redirect: str | None = None


def title_of(draft: Draft, taken: Collection[str]) -> str:
    """A title for an article that no other page has: its topic, with a word of its text in brackets."""
    topic = draft.headings[-1]
    for sentence in draft.sentences:
        for word in sorted(_words(sentence, draft.language), key=len, reverse=True):
            title = f"{topic} ({word})"
            if title not in taken:
                return title
    raise ValueError(f"{draft.language}: every title for an article on {topic} is taken.")


def _words(sentence: str, language: str) -> list[str]:
    """Words that can stand in a link; where words are not separated, runs of a few characters."""
    words = [word[slice(*bare(word))] for word in sentence.split()]
    if language in CHARACTER_LANGUAGES:
        parts = clusters(sentence)
        starts = range(0, len(parts) - _CHARACTER_TITLE, _CHARACTER_TITLE)
        words = ["".join(parts[at : at + _CHARACTER_TITLE]) for at in starts]
    return [word for word in words if len(word) > 2 and "".join(reference.units(word)) == word.lower()]


def article(draft: Draft, title: str, other_title: str, rng: random.Random) -> Page:
    """The page of an article whose running text is `draft.text`.

    Args:
        draft: the article.
        title: its title.
        other_title: an article that links can go to.
        rng: decides which markup stands where.
    """
    names = LANGUAGES[draft.language]
    blocks = [_infobox(title, names, rng)]
    last = len(draft.paragraphs) - 1
    for number, (heading, sentences) in enumerate(zip(draft.headings, draft.paragraphs, strict=True)):
        marked = [_marked(sentence, draft.language, other_title, rng) for sentence in sentences]
        if heading:
            blocks.append(f"== {heading} ==")
        if number == last and draft.listed:
            blocks.append("\n".join(f"* {sentence}" for sentence in marked))
        else:
            # Sentences follow each other as in the text: with nothing between them in Chinese and Japanese.
            blocks.append(("" if draft.language in {"ja", "zh"} else " ").join(marked))
        if number == 0:
            blocks.append(_decoration(names, rng))
    blocks.append(f"== {names.references} ==\n{{{{reflist}}}}\n<references />")
    categories = sorted({heading for heading in draft.headings if heading})
    blocks.append("\n".join(f"[[{names.category}:{category}]]" for category in categories))
    return Page(title, 0, "\n\n".join(blocks))


def _infobox(title: str, names: SampleLanguage, rng: random.Random) -> str:
    return (
        "{{Infobox sample\n"
        f"| name = {title}\n"
        f"| image = [[{names.file}:Example {rng.randint(1, 99)}.jpg|220px]]\n"
        f"| caption = ''{title}''\n"
        f"| established = {{{{start date|{rng.randint(1800, 2019)}|5|1}}}}\n"
        "}}"
    )


def _decoration(names: SampleLanguage, rng: random.Random) -> str:
    """A file link with a caption, or a table: neither belongs to the running text."""
    topic = rng.choice(names.topics)
    if rng.random() < 0.5:
        return f"[[{names.file}:Example {rng.randint(100, 199)}.png|thumb|right|200px|{topic}, [[{topic}]]]]"
    rows = "\n".join(f"|-\n| {rng.choice(names.topics)} || {rng.randint(1, 999)}" for _ in range(3))
    return f'{{| class="wikitable"\n|+ {topic}\n! {names.topics[0]} !! N\n{rows}\n|}}'


def _marked(sentence: str, language: str, other_title: str, rng: random.Random) -> str:
    """A sentence with some markup that does not change what it says."""
    chance = rng.random()
    words = [word for word in _words(sentence, language) if sentence.count(word) == 1]
    if words and chance < 0.55:
        word = rng.choice(words)
        shown = rng.choice(
            (
                f"[[{word}]]",
                f"[[{other_title}|{word}]]",
                f"'''{word}'''",
                f"''{word}''",
                f"{{{{nowrap|{word}}}}}",
                f"[https://source.example/{rng.randint(1, 999)} {word}]",
                f'<span lang="{language}">{word}</span>',
            )
        )
        sentence = sentence.replace(word, shown)
    if rng.random() < 0.25:
        year = rng.randint(1950, 2020)
        sentence += rng.choice(
            (
                f"<ref>{{{{cite book |title={other_title} |year={year}}}}}</ref>",
                f'<ref name="n{year}">[https://source.example/{year} Source], {year}.</ref>',
                f"{{{{citation needed|date=May {year}}}}}",
                "<!-- to be checked -->",
            )
        )
    return sentence


def other_pages(names: SampleLanguage, target: str) -> list[Page]:
    """Pages that are no articles: two redirects, a talk page and a template."""
    return [
        Page(f"{names.topics[0]} A-Z", 0, f"#REDIRECT [[{target}]]", target),
        Page(f"{names.topics[1]} A-Z", 0, f"#REDIRECT [[{target}#{names.references}]]", target),
        Page(f"{names.talk}:{target}", 1, f"== {names.topics[2]} ==\n{names.topics[3]}? --~~~~"),
        Page(
            f"{names.template}:Infobox sample",
            10,
            '<includeonly>{| class="infobox"\n! {{{name}}}\n|}</includeonly>',
        ),
    ]


def dump_parts(pages: list[Page], language: str, *, database: str, rng: random.Random) -> list[bytes]:
    """The XML of a dump in parts: head, groups of whole pages, foot. A multistream file compresses each by itself.

    Args:
        pages: in the order of the dump.
        language: what `xml:lang` says.
        database: what `<dbname>` says; real dumps that were renamed or merged lie here.
        rng: draws revision numbers and times.
    """
    head = (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" '
        f'xml:lang="{language}">\n'
        "  <siteinfo>\n"
        "    <sitename>Wikipedia</sitename>\n"
        f"    <dbname>{database}</dbname>\n"
        "    <generator>MediaWiki 1.41.0</generator>\n"
        "    <case>first-letter</case>\n"
        "    <namespaces>\n"
        '      <namespace key="0" case="first-letter" />\n'
        '      <namespace key="1" case="first-letter">Talk</namespace>\n'
        '      <namespace key="10" case="first-letter">Template</namespace>\n'
        "    </namespaces>\n"
        "  </siteinfo>\n"
    )
    shown = [_page_xml(page, number, rng) for number, page in enumerate(pages, start=1)]
    groups = [
        "".join(shown[start : start + _PAGES_PER_STREAM]) for start in range(0, len(shown), _PAGES_PER_STREAM)
    ]
    return [part.encode() for part in (head, *groups, "</mediawiki>\n")]


def _page_xml(page: Page, number: int, rng: random.Random) -> str:
    size = len(page.wikitext.encode())
    redirect = (
        f'    <redirect title="{escape(page.redirect, {chr(34): "&quot;"})}" />\n' if page.redirect else ""
    )
    time = f"{rng.randint(2010, 2023)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:15:00Z"
    return (
        "  <page>\n"
        f"    <title>{escape(page.title)}</title>\n"
        f"    <ns>{page.namespace}</ns>\n"
        f"    <id>{number * 7}</id>\n"
        f"{redirect}"
        "    <revision>\n"
        f"      <id>{rng.randint(10**6, 10**9)}</id>\n"
        f"      <timestamp>{time}</timestamp>\n"
        "      <contributor>\n        <username>Sample</username>\n        <id>1</id>\n      </contributor>\n"
        "      <model>wikitext</model>\n"
        "      <format>text/x-wiki</format>\n"
        f'      <text bytes="{size}" xml:space="preserve">{escape(page.wikitext)}</text>\n'
        "    </revision>\n"
        "  </page>\n"
    )
