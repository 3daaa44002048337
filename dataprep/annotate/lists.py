"""The files that `lists` names, resolved per locale; the lists of words in the form that kernels take."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from dataprep import files
from dataprep.annotate.block_lists import load_block_lists
from dataprep.config import ListsConfig
from dataprep.kernels.word_lists import WordLists, unit_hashes, word_lists
from dataprep.locales import LOCALES, UNDETERMINED

_HAN_KANA: Final = frozenset({"Hans", "Hant", "Jpan"})  # ISO 15924
# Characters that a listed phrase must have at least in a script without spaces.
_LEAST_HAN_KANA: Final = 2
_LEAST_SOUTH_EAST_ASIAN: Final = 3


class ListError(ValueError):
    """A file that `lists` names cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What the annotation needs to know of lists, as plain values that travel to executors.

    Attributes:
        stop_words: per locale, as (locale, words) in the order of the table.
        words: per locale, the file of its word list.
        urls: block lists.
        perplexity: per locale, the file of its language model.
        pieces: per locale, the SentencePiece model for it.
        ccnet: whether text is normalised as CCNet does it before it is scored.
    """

    stop_words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    urls: tuple[str, ...] = ()
    perplexity: tuple[tuple[str, str], ...] = ()
    pieces: tuple[tuple[str, str], ...] = ()
    ccnet: bool = True


NO_LISTS: Final = Lists()


def resolve_lists(config: ListsConfig, stop_words: Mapping[str, list[str]]) -> Lists:
    """The files per locale; the block lists and word lists are read once, to find mistakes before anything runs.

    Raises:
        ListError: a file is missing, a word list is no UTF-8 text, or a locale is unknown.
        BlockListError: a block list cannot be used.
    """
    words, models, pieces = (
        _by_locale(value, name)
        for value, name in (
            (config.words, "words"),
            (config.perplexity, "perplexity"),
            (config.perplexity_pieces, "perplexity_pieces"),
        )
    )
    for locale, path in words:
        read_words(locale, path)
    load_block_lists(tuple(config.urls))
    return Lists(
        tuple((locale, tuple(stop_words[locale])) for locale in LOCALES if locale in stop_words),
        words,
        tuple(config.urls),
        models,
        pieces,
        config.perplexity_normalisation == "ccnet",
    )


def _by_locale(value: str | dict[str, str] | None, name: str) -> tuple[tuple[str, str], ...]:
    """Locale and path of each file; of a pattern, those that exist, under the locale's code or one of its others."""
    if value is None:
        return ()
    if isinstance(value, dict):
        unknown = sorted(set(value) - set(LOCALES))
        if unknown:
            raise ListError(f"lists.{name} names the unknown locale {unknown[0]}; correct it.")
        missing = [path for path in value.values() if not files.exists(path)]
        if missing:
            raise ListError(f"the file {missing[0]} of lists.{name} is missing; correct the path.")
        return tuple(sorted(value.items()))
    if "{locale}" not in value:
        raise ListError(
            f"lists.{name} must hold {{locale}}, or be a mapping from locales to paths; it is {value}."
        )
    found = []
    for row in LOCALES.values():
        paths = [value.replace("{locale}", code) for code in (row.code, *row.aliases, row.iso639_3)]
        found += [(row.code, path) for path in paths if files.exists(path)][:1]
    if not found:
        raise ListError(f"no file matches lists.{name} {value}; correct the path.")
    return tuple(found)


@cache
def read_words(locale: str, path: str) -> tuple[str, ...]:
    """The entries of a word list that can be matched: one a line, blank lines and `#` comments left out.

    In scripts without spaces a short entry would match inside other words, so entries of fewer than two characters in
    Han and Kana, three in Thai, Lao, Khmer and Myanmar, are left out.

    Raises:
        ListError: the file cannot be read, or is no UTF-8 text.
    """
    try:
        with files.open_binary(path) as file:
            text = file.read().decode("utf-8-sig")
    except OSError as error:
        raise ListError(
            f"the word list {path} cannot be read ({error.strerror or error}); correct `lists.words`."
        ) from error
    except UnicodeDecodeError as error:
        raise ListError(f"the word list {path} is not UTF-8 text; save it as UTF-8.") from error
    lines = [line.strip() for line in text.splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    row = LOCALES.get(locale)
    if row is None or row.unit == "word":
        return tuple(entries)
    least = _LEAST_HAN_KANA if row.script in _HAN_KANA else _LEAST_SOUTH_EAST_ASIAN
    sizes = [len(units) for units in unit_hashes(entries)]
    return tuple(
        entry for entry, size in zip(entries, sizes, strict=True) if size >= least or entry.isascii()
    )


@cache
def kernel_lists(lists: Lists) -> WordLists:
    """The lists of all locales of the table, by their position in it; made once per process."""
    return word_lists(
        list(LOCALES),
        stop_words=dict(lists.stop_words),
        phrases={locale: read_words(locale, path) for locale, path in lists.words},
    )


NUMBERS: Final = {locale: number for number, locale in enumerate(LOCALES)}


def list_number(locale: str | None) -> int:
    """Position of a locale in the table; -1 for one that is not in it."""
    return NUMBERS.get(locale or UNDETERMINED, -1)
