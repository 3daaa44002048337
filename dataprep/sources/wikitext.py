"""Wikitext to plain text: what a reader of the page sees in its running text, without tables, notes and furniture."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import mwparserfromhell
from mwparserfromhell import nodes
from mwparserfromhell.wikicode import Wikicode

MAX_WIKITEXT_CHARS: Final = 4 << 20  # twice what MediaWiki allows; the parser slows down on more


class WikitextError(ValueError):
    """A page whose wikitext cannot be parsed."""


# Localised names of the namespaces File and Category, for the languages of `dataprep.locales`.
_FILE_NAMES: Final = (
    "file image media lêer beeld ስዕል ملف صورة şəkil fayl файл картинка চিত্র fitxer imatge soubor fil billede "
    "datei bild αρχείο εικόνα archivo imagen pilt fail fitxategi irudi پرونده تصویر tiedosto kuva fichier ચિત્ર "
    "קובץ תמונה चित्र datoteka slika fájl kép պատկեր ֆայլ berkas gambar mynd immagine ファイル 画像 ფაილი სურათი "
    "сурет ឯកសារ រូបភាព 파일 그림 ຮູບ vaizdas attēls പ്രമാണം ചിത്രം imej ဖိုင် bestand afbeelding bilde plik grafika "
    "ficheiro imagem arquivo fișier fişier imagine изображение súbor obrázok датотека слика picha faili படிமம் "
    "దస్త్రం బొమ్మ ไฟล์ ภาพ talaksan dosya resim зображення فائل hình 文件 檔案 档案 图像 圖像"
)
_CATEGORY_NAMES: Final = (
    "category kategorie መደብ تصنيف kateqoriya категория বিষয়শ্রেণী বিষয়শ্রেণী categoria kategori κατηγορία "
    "categoría kategooria kategoria رده luokka catégorie શ્રેણી קטגוריה श्रेणी kategorija kategória կատեգորիա "
    "flokkur カテゴリ კატეგორია санат ចំណាត់ថ្នាក់ក្រុម 분류 ໝວດ വർഗ്ഗം वर्ग ကဏ္ဍ categorie категорија jamii பகுப்பு "
    "వర్గం หมวดหมู่ kategorya категорія زمرہ 分类 分類"
)
_DROPPED_NAMESPACES: Final = frozenset(
    [*_FILE_NAMES.split(), *_CATEGORY_NAMES.split(), "tập tin", "thể loại"]
)
_INTERLANGUAGE: Final = re.compile(r"(?:[a-z]{2,3}|simple|tokipona)(?:-[a-z]+)*")

_DROPPED_TAGS: Final = frozenset(
    [
        "ref",
        "references",
        "gallery",
        "math",
        "chem",
        "ce",
        "table",
        "tr",
        "td",
        "th",
        "caption",
        "timeline",
        "score",
        "syntaxhighlight",
        "source",
        "code",
        "pre",
        "graph",
        "imagemap",
        "templatestyles",
        "hiero",
        "style",
        "script",
        "includeonly",
        "noinclude",
        "mapframe",
        "maplink",
        "section",
        "categorytree",
        "inputbox",
        "templatedata",
        "figure",
        "video",
        "audio",
        "img",
    ]
)
_BREAKING_TAGS: Final = frozenset(
    [
        "br",
        "p",
        "div",
        "blockquote",
        "center",
        "hr",
        "poem",
        "dl",
        "ol",
        "ul",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)

# Templates whose text stands inside a sentence: the parameter that a reader sees.
_SHOWN_PARAMETER: Final[dict[str, str]] = {
    **dict.fromkeys(
        [
            "nowrap",
            "nobr",
            "nobreak",
            "small",
            "smaller",
            "big",
            "large",
            "abbr",
            "abbrlink",
            "nihongo",
            "quote",
            "blockquote",
            "cquote",
            "sic",
            "ruby",
            "ill",
            "interlanguage-link",
            "illm",
            "link-interwiki",
            "仮リンク",
            "ルビ",
            "subst:",
            "tooltip",
            "hint",
            "nihongo2",
            "noitalic",
            "strong",
            "em",
            "sup",
            "sub",
            "smallcaps",
            "sc",
            "um-anchor",
            "visible-anchor",
            "vanchor",
            "formatnum",
            "center",
            "not-a-typo",
            "bold",
            "italic",
            "读音",
            "link-en",
            "translink",
            "internal-link-helper",
            "le",
            "lw",
            "не-переведено",
            "нп",
            "нп3",
            "нп4",
            "нп5",
            "nobold",
            "cite-quote",
            "romaja",
            "lang-fr",
            "lang-de",
            "lang-en",
            "lang-es",
            "lang-it",
            "lang-ru",
            "lang-la",
            "lang-ar",
            "lang-ja",
            "lang-zh",
            "lang-hi",
            "lang-el",
            "нобр",
            "comment",
            "okina",
        ],
        "1",
    ),
    **dict.fromkeys(
        ("lang", "langue", "lang-code", "color", "colour", "font-color", "langx", "lien-langue"), "2"
    ),
}
_LITERAL_TEMPLATES: Final = {
    "!": "|",
    "=": "=",
    "'": "'",
    "ndash": "–",
    "en dash": "–",
    "spaced ndash": " – ",
    "snd": " – ",
    "spnd": " – ",
    "mdash": "—",
    "em dash": "—",
    "spaced mdash": " — ",
    "nbsp": " ",
    "nbs": " ",
    "·": " · ",
    "•": " • ",
    "dot": " · ",
    "e": "e",
    "er": "er",
    "1er": "1er",
    "pi": "π",
    "—": "—",
}
_MEASURES: Final = frozenset({"convert", "cvt", "unité", "unite", "val", "nombre"})
_JOINED: Final = frozenset(
    {"date", "date-", "date de naissance", "date de décès", "frac", "sfrac", "fraction"}
)
_CENTURIES: Final = frozenset({"s", "s-", "siècle"})
_RANGE_WORDS: Final = {
    "to": "to",
    "-": "–",
    "–": "–",
    "and": "and",
    "or": "or",
    "by": "by",
    "x": "×",
    "×": "×",
}

_HEADING_MARK: Final = "\x00"  # cannot occur in XML, so not in a page either
_VARIANT: Final = re.compile(r"-\{(?!\{)([^{}]*)\}-")
_BEHAVIOUR_SWITCH: Final = re.compile(r"__[^\s\d_]+(?:_[^\s\d_]+)*__")
_QUOTE_RUN: Final = re.compile(r"'{2,}")
_LEFTOVER_LINE: Final = re.compile(r"^\s*(?:\{\||\|[}+-]|\||!).*$", re.MULTILINE)
_LEFTOVER_MARKUP: Final = re.compile(
    r"\{\{[^{}]*\}\}|\[\[|\]\]|\{\{|\}\}|</?(?:ref|br|small|div|span)\b[^<>]*>", re.I
)
_SPACES: Final = re.compile(r"[^\S\n\x00]+")
_EMPTY_BRACKETS: Final = re.compile(r" ?[(（\[][\s,;:،、，；。؛/=–—-]*[)）\]]")
_BRACKET_START: Final = re.compile(r"([(（])[\s,;:،、，；؛]+")
_BRACKET_END: Final = re.compile(r"[\s,;،、，；؛]+([)）])")
_SPACE_BEFORE_STOP: Final = re.compile(r" +([,.،。、，])(?=\s|$)")
_DOUBLED_COMMA: Final = re.compile(r"([,،、，])(?:\s*\1)+")
_LIST_MARK: Final = re.compile(r"^[*#:;]+\s*")


def plain_text(wikitext: str) -> str:
    """The running text of a page; headings and list items as lines of their own, "" where nothing is left.

    Raises:
        WikitextError: the wikitext is too long, too deeply nested or otherwise beyond the parser.
    """
    if len(wikitext) > MAX_WIKITEXT_CHARS:
        raise WikitextError(
            f"{len(wikitext)} characters of wikitext; at most {MAX_WIKITEXT_CHARS} are parsed."
        )
    prepared = _without_bold_and_italic(_VARIANT.sub(_variant, wikitext))
    try:
        text = _shown(mwparserfromhell.parse(prepared, skip_style_tags=True).nodes)
    except (mwparserfromhell.parser.ParserError, RecursionError, MemoryError) as error:
        raise WikitextError(str(error)) from error
    return _tidied(text)


def _variant(found: re.Match[str]) -> str:
    """What Chinese and Serbian language conversion shows: the simplified or first variant; rules show nothing."""
    flags, bar, body = found[1].rpartition("|")
    if bar and not re.fullmatch(r"[a-zA-Z;-]*", flags):
        return found[1]
    if set(flags) & set("THA-") and not flags.islower():
        return ""
    variants = dict(re.findall(r"(?:^|;)\s*(zh(?:-[a-z]+)?|sr-\w+)\s*:([^;]*)", body))
    for wanted in ("zh-hans", "zh-cn", "zh", *variants):
        if wanted in variants:
            return str(variants[wanted]).strip()
    return body


def _without_bold_and_italic(wikitext: str) -> str:
    """Text without runs of apostrophes, as MediaWiki reads them.

    Where a line has an odd number of both kinds, one bold mark is an apostrophe and an italic mark.
    """
    return "\n".join(_unquoted(line) if "''" in line else line for line in wikitext.split("\n"))


def _unquoted(line: str) -> str:
    runs = [len(found[0]) for found in _QUOTE_RUN.finditer(line)]
    bold = sum(run in {3, 4} or run >= 5 for run in runs)
    italic = sum(run == 2 or run >= 5 for run in runs)
    spare = bool(bold % 2 and italic % 2)

    def shown(found: re.Match[str]) -> str:
        nonlocal spare
        run = len(found[0])
        if run == 3 and spare and re.search(r"(?:^|\W)\w$", line[: found.start()]):
            spare = False
            return "'"
        return "'" * (run - 5) if run > 5 else "'" * (run == 4)

    return _QUOTE_RUN.sub(shown, line)


def _shown(parts: Iterable[nodes.Node]) -> str:
    """The text that a sequence of nodes shows."""
    return "".join(_shown_node(node) for node in parts)


def _shown_code(code: Wikicode | None) -> str:
    return _shown(code.nodes) if code is not None else ""


def _shown_node(node: nodes.Node) -> str:
    for kind, show in _SHOW:
        if isinstance(node, kind):
            return show(node)
    return ""


def _shown_link(node: nodes.Wikilink) -> str:
    target = str(node.title).strip()
    prefix, colon, name = target.removeprefix(":").partition(":")
    if colon and not target.startswith(":"):
        spelled = prefix.strip().lower().replace("_", " ")
        if spelled in _DROPPED_NAMESPACES:
            return ""
        if _INTERLANGUAGE.fullmatch(prefix) and name and not name.startswith(" "):
            return ""
    if node.text is not None and (label := _shown_code(node.text)).strip():
        return label
    title = _shown(node.title.nodes).strip().removeprefix(":").replace("_", " ")
    if node.text is not None:  # the pipe trick: [[Rome (city)|]]
        title = re.sub(r"\s*\([^()]*\)$", "", title.rpartition(":")[2])
    return title


def _shown_external_link(node: nodes.ExternalLink) -> str:
    if not node.brackets:
        return str(node.url)
    return _shown_code(node.title)


def _shown_tag(node: nodes.Tag) -> str:
    tag = str(node.tag).strip().lower()
    if tag in _DROPPED_TAGS:
        return ""
    if tag in {"li", "dt", "dd"} and node.wiki_markup:
        return ""
    inner = _shown_code(node.contents)
    if tag in _BREAKING_TAGS or tag in {"li", "dt", "dd"}:
        return f"\n{inner}\n" if inner.strip() else "\n"
    return inner


def _shown_heading(node: nodes.Heading) -> str:
    title = _shown_code(node.title).replace("\n", " ").strip()
    return f"\n{_HEADING_MARK * node.level}{title}"


def _shown_entity(node: nodes.HTMLEntity) -> str:
    try:
        return str(node.normalize())
    except (ValueError, KeyError, OverflowError):
        return ""


def _shown_argument(node: nodes.Argument) -> str:
    return _shown_code(node.default)


def _shown_template(node: nodes.Template) -> str:
    name = " ".join(str(node.name).replace("_", " ").split()).lower()
    if name in _LITERAL_TEMPLATES:
        return _LITERAL_TEMPLATES[name]
    if number := re.fullmatch(r"formatnum:\s*([\d.,-]+)\s*", name):
        return number[1]
    if name in _CENTURIES and (values := _positional(node)) and re.fullmatch(r"[IVX]+", values[0]):
        return f"{values[0]}{values[1] if len(values) > 1 else 'e'} siècle"
    if name in _MEASURES:
        return _shown_measure(_positional(node))
    if name in _JOINED:
        values = _positional(node)
        return ("/" if "frac" in name else " ").join(values)
    wanted = _SHOWN_PARAMETER.get(name.replace(" ", "-"))
    if wanted is None and re.fullmatch(r"(?:lang|link)-[a-z]{2,3}(?:-[a-z]+)?", name):
        wanted = "1"
    if wanted is None or not node.has(wanted):
        return ""
    return _shown_code(node.get(wanted).value).strip()


def _positional(node: nodes.Template) -> list[str]:
    """The unnamed parameters of a template that show something, in their order."""
    values = (_shown_code(parameter.value).strip() for parameter in node.params if not parameter.showkey)
    return [value for value in values if value]


def _shown_measure(values: list[str]) -> str:
    """`5 km` of {{convert|5|km|mi}}, `5–7 km` of {{convert|5|-|7|km}}."""
    shown = values[:1]
    rest = values[1:]
    while len(rest) >= 2 and rest[0] in _RANGE_WORDS:
        shown += [_RANGE_WORDS[rest[0]], rest[1]]
        rest = rest[2:]
    return " ".join([*shown, *rest[:1]]).replace(" – ", "–")


_SHOW: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (nodes.Text, lambda node: str(node.value)),
    (nodes.Wikilink, _shown_link),
    (nodes.Template, _shown_template),
    (nodes.Tag, _shown_tag),
    (nodes.Heading, _shown_heading),
    (nodes.ExternalLink, _shown_external_link),
    (nodes.HTMLEntity, _shown_entity),
    (nodes.Argument, _shown_argument),
)


def _tidied(text: str) -> str:
    """Text without leftovers of broken markup, empty brackets, empty headings and superfluous white space."""
    text = _BEHAVIOUR_SWITCH.sub(lambda found: found[0] if found[0] != found[0].upper() else "", text)
    text = _LEFTOVER_MARKUP.sub("", text)
    text = _LEFTOVER_LINE.sub("", text)
    text = _SPACES.sub(" ", text)
    text = _EMPTY_BRACKETS.sub("", text)
    text = _BRACKET_START.sub(r"\1", text)
    text = _BRACKET_END.sub(r"\1", text)
    text = _EMPTY_BRACKETS.sub("", text)
    text = _SPACE_BEFORE_STOP.sub(r"\1", text)
    text = _DOUBLED_COMMA.sub(r"\1", text)
    kept = _without_empty_headings([_LIST_MARK.sub("", line.strip(" ")) for line in text.split("\n")])
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _without_empty_headings(text_lines: list[str]) -> list[str]:
    """Lines without the headings that are followed by nothing before the next one as high."""
    kept: list[str] = []
    # Deepest heading level that the text seen so far, from the end, still needs.
    filled = 0
    for line in reversed(text_lines):
        level = len(line) - len(line.lstrip(_HEADING_MARK))
        if level == 0:
            kept.append(line)
            if re.search(r"\w", line):
                filled = 7
        elif filled >= level and line[level:]:
            kept.append(line[level:])
            filled = level - 1
    return kept[::-1]
