"""How much of each locale the tokeniser's sample gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.shards.encode import sample_fractions

LOCALES = ("de", "en", "hi", "th", "zh")
# Bytes of text and an unscaled share per locale.
CORPORA = st.dictionaries(
    st.sampled_from(LOCALES), st.tuples(st.integers(1, 10**12), st.floats(0.01, 1)), min_size=1
)


@given(CORPORA, st.integers(10_000, 10**11))
def test_the_sample_is_full_or_all_there_is_and_no_locale_gives_more_than_it_has(
    corpora: dict[str, tuple[int, float]], sample_bytes: int
) -> None:
    kept = {locale: size for locale, (size, _) in corpora.items()}
    scale = sum(weight for _, weight in corpora.values())
    shares = {locale: weight / scale for locale, (_, weight) in corpora.items()}

    fractions = sample_fractions(kept, shares, sample_bytes)

    assert set(fractions) == set(kept)
    assert 0 < min(fractions.values()) <= max(fractions.values()) <= 1
    sampled = sum(fractions[locale] * kept[locale] for locale in kept)
    assert sampled == pytest.approx(min(sample_bytes, sum(kept.values())), rel=1e-6, abs=2)


def test_shares_are_kept_where_there_is_enough_text() -> None:
    fractions = sample_fractions({"en": 1000, "hi": 800}, {"en": 0.75, "hi": 0.25}, 400)

    assert fractions == pytest.approx({"en": 0.3, "hi": 0.125})


def test_what_one_locale_is_short_of_goes_to_the_others_in_proportion() -> None:
    # Hindi wants 400 of 1000 bytes and has 100; its 300 go 2 : 1 to English and German.
    fractions = sample_fractions({"de": 1000, "en": 1000, "hi": 100}, {"de": 0.2, "en": 0.4, "hi": 0.4}, 1000)

    assert fractions == pytest.approx({"de": 0.3, "en": 0.6, "hi": 1.0})


def test_a_sample_larger_than_the_corpus_takes_everything() -> None:
    assert sample_fractions({"en": 10, "hi": 20}, {"en": 0.5, "hi": 0.5}, 10_000) == {"en": 1.0, "hi": 1.0}
