"""The sentence files and how they are read."""

import itertools
import unicodedata

import pytest

from dataprep.locales import LOCALES
from dataprep.sample.compose import CHARACTER_LANGUAGES
from dataprep.sample.languages import LANGUAGES
from dataprep.sample.sentences import TOPICS, Sentences, SentencesError, load, parse

SENTENCES = load()
WRITTEN_CODES = sorted(set(SENTENCES) - {"hi-Latn"})


def test_sections_of_a_file_are_read_in_its_order_and_blank_lines_skipped() -> None:
    text = "# written: cooking\nSoup is hot.\nTea is hot.\n\n# spoken\nHello!\n# boilerplate\nHome | Blog\n"

    actual = parse(text, name="xx.txt")

    assert actual == Sentences({"cooking": ("Soup is hot.", "Tea is hot.")}, ("Hello!",), ("Home | Blog",))


def test_all_written_sentences_come_in_the_order_of_topics_not_of_the_file() -> None:
    text = "# written: weather\nIt rains.\n# written: cooking\nSoup is hot.\n"

    actual = parse(text, name="xx.txt").all_written

    assert actual == ("Soup is hot.", "It rains.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# written: gardening\nx\n",
            "xx.txt, line 1: section 'written: gardening' is unknown or appears twice.",
        ),
        ("# spoken\nx\n# spoken\ny\n", "xx.txt, line 3: section 'spoken' is unknown or appears twice."),
        ("Hello!\n", "xx.txt, line 1: expected a section header, found 'Hello!'."),
        ("# spoken\nHello!\n# boilerplate\nHello!\n", "xx.txt, line 4: the line is there twice: 'Hello!'."),
        ("# spoken\ncafe\u0301\n", "xx.txt is not in Unicode normal form C; normalise and save it again."),
    ],
    ids=["unknown section", "repeated section", "line before sections", "repeated line", "decomposed text"],
)
def test_a_broken_file_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(SentencesError) as caught:
        parse(text, name="xx.txt")

    assert str(caught.value) == message


def test_there_are_sentences_for_26_known_languages_and_romanised_hindi() -> None:
    assert len(WRITTEN_CODES) == 26
    assert set(WRITTEN_CODES) <= set(LOCALES)
    assert sorted(LANGUAGES) == WRITTEN_CODES
    assert SENTENCES["hi-Latn"].written == {}
    assert len(SENTENCES["hi-Latn"].spoken) == 60


@pytest.mark.parametrize("code", WRITTEN_CODES)
def test_every_language_has_ten_sentences_on_each_topic_and_the_rest(code: str) -> None:
    found = SENTENCES[code]

    assert {topic: len(lines) for topic, lines in found.written.items()} == dict.fromkeys(TOPICS, 10)
    assert (len(found.spoken), len(found.boilerplate)) == (60, 4)
    assert " | " in found.boilerplate[1]


@pytest.mark.parametrize("code", WRITTEN_CODES)
def test_written_sentences_are_normalised_and_end_as_the_language_ends_them(code: str) -> None:
    lines = SENTENCES[code].all_written
    terminators = LOCALES[code].terminators

    assert [
        line for line in lines if unicodedata.normalize("NFC", line) != line or line != line.strip()
    ] == []
    assert [line for line in lines if terminators and line[-1] not in terminators] == []


@pytest.mark.parametrize("code", sorted(set(WRITTEN_CODES) - CHARACTER_LANGUAGES))
def test_no_two_written_sentences_share_five_consecutive_words(code: str) -> None:
    runs = [
        {tuple(words[at : at + 5]) for at in range(len(words) - 4)}
        for words in (line.lower().split() for line in SENTENCES[code].all_written)
    ]

    shared = [left & right for left, right in itertools.combinations(runs, 2) if left & right]

    assert shared == []
