import pytest

from dataprep.sources.wikitext import MAX_WIKITEXT_CHARS, WikitextError, plain_text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Bold''' and ''italic'' and '''''both'''''", "Bold and italic and both"),
        ("l'''Opéra'' de Paris", "l'Opéra de Paris"),
        (
            "[[Berlin]], [[Rome (city)|Rome]], [[Rome (city)|]], [[cat]]s, [[A_b#c]]",
            "Berlin, Rome, Rome, cats, A b#c",
        ),
        ("a[[File:X.jpg|thumb|A [[linked]] caption]]b", "ab"),
        ("a[[Datei:X.jpg|mini]][[ملف:X.jpg]][[ファイル:X.jpg]][[चित्र:X.jpg]][[Tập tin:X.jpg]]b", "ab"),
        ("a [[Category:B]][[Kategorie:B]][[تصنيف:ب]][[カテゴリ:べ]][[Thể loại:B]]", "a"),
        ("a [[:Category:B|the category]] [[:de:Berlin|Berlin]]", "a the category Berlin"),
        ("a\n[[de:Berlin]]\n[[zh-yue:柏林]]\n[[simple:Berlin]]", "a"),
        ("[[wikt:word|word]] and [[CSI: Miami]]", "word and CSI: Miami"),
        ("a {{Infobox|x={{y|[[z]]}}}} b", "a b"),
        ("It {{lang|fr|était}} {{nowrap|10 km}} {{lang-de|Haus}}", "It était 10 km Haus"),
        ("{{convert|5|km|mi|abbr=on}}, {{convert|5|-|7|km|mi}}, {{cvt|3|to|4|m}}", "5 km, 5–7 km, 3 to 4 m"),
        ("Rome {{IPA|/roʊm/}} is", "Rome is"),
        ("Rome ({{IPA-en|roʊm}}) is", "Rome is"),
        ("Rome ({{lang-xx}}; {{IPA|x}}, born 1900) is, {{x}}, here", "Rome (born 1900) is, here"),
        ("東京（{{読み|とうきょう}}）は", "東京は"),
        ("au {{s-|XX|e}} et le {{date|1|mai|1900}}", "au XXe siècle et le 1 mai 1900"),
        ("a<ref>note</ref> b<ref name=x /> c<!-- hidden --> d<references/>", "a b c d"),
        ("{| class=wikitable\n|-\n! h\n| cell\n|}\ntext", "text"),
        ("x <math>a^2</math> y<gallery>\nA.jpg|b\n</gallery>", "x y"),
        ("H<sub>2</sub>O, <small>small</small>, a<br/>b", "H2O, small, a\nb"),
        ("* one\n** two\n# three\n; term\n: definition", "one\ntwo\nthree\nterm\ndefinition"),
        ("[https://x.org label] and [https://x.org]", "label and"),
        ("a&nbsp;b &amp; c &mdash; d", "a b & c — d"),
        ("__NOTOC__a__FORCETOC__ __目次強制__ __init__", "a __init__"),
        ("{{DEFAULTSORT:X}}a{{!}}b", "a|b"),
        ("<nowiki>[[not a link]]</nowiki>", "not a link"),
        ("-{zh-hans:计算机; zh-hant:電腦}-与-{原样}-和-{H|zh-cn:甲}-", "计算机与原样和"),
        ("broken [[link and {{template\nnext", "broken link and template\nnext"),
        ("about {{formatnum:{{#expr:1/2}}}}0", "about 0"),
    ],
)
def test_readers_text_is_kept_and_markup_goes(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text


def test_headings_are_lines_of_their_own() -> None:
    assert plain_text("a\n== History ==\nb\n=== ''Old'' ===\nc") == "a\n\nHistory\nb\n\nOld\nc"


def test_headings_followed_by_nothing_are_removed() -> None:
    wikitext = "== A ==\n=== B ===\ntext\n=== C ===\n{{x}}\n== D ==\n=== E ===\n<references/>\n== F ==\n[[Category:G]]"

    assert plain_text(wikitext) == "A\n\nB\ntext"


def test_white_space_is_tidied() -> None:
    assert plain_text("  a \t b\u00a0c  \n\n\n\n\nd  ") == "a b c\n\nd"


def test_a_page_beyond_the_limit_is_refused_with_its_size() -> None:
    with pytest.raises(WikitextError, match="4194305 characters"):
        plain_text("a" * (MAX_WIKITEXT_CHARS + 1))


def test_deeply_nested_markup_ends() -> None:
    assert isinstance(plain_text("[[" * 5000 + "{{" * 5000 + "a"), str)
