"""Every plant of the sample corpora met its expected fate in a run of the whole pipeline."""

from collections import Counter
from itertools import combinations

import pytest
from pipeline_helpers import Outcome, SampleRun, at, outcomes

from dataprep.sample.reference import jaccard, shingles, similarity
from dataprep.sample.truth import (
    Boilerplate,
    CodeMixed,
    Copy,
    Mojibake,
    Pair,
    Place,
    PrivateData,
    WrongLanguage,
)

PRIORITY = {"wikipedia": 1, "cc100": 2, "mc4": 3, "opensubtitles": 4}
NOT_QUALITY = {
    "wrong_language",
    "uncertain_language",
    "locale_not_selected",
    "exact_duplicate",
    "near_duplicate",
}

Outcomes = dict[tuple[str, str], Outcome]


@pytest.fixture(scope="module")
def found(sample_run: SampleRun) -> Outcomes:
    return outcomes(sample_run)


def by_keep_rule(found: Outcomes, plant: Copy | Pair) -> tuple[Outcome, Outcome]:
    """The document of the pair that should stay, and the one that should go."""
    both = (found[at(plant.original)], found[at(plant.copy)])

    def order(outcome: Outcome) -> tuple[int, float, int, str]:
        row = outcome.row
        return PRIORITY[row["source"]], -row["quality"], -row["num_chars"], row["doc_id"]

    stays, goes = sorted(both, key=order)
    return stays, goes


def removal(stays: Outcome, goes: Outcome) -> tuple[str | None, str | None, str, bool]:
    """Fate of both, the rule, and whether the decision names the document that stays."""
    decision = goes.decision or {"rule": "none", "kept_doc_id": None}
    return stays.drop_reason, goes.drop_reason, decision["rule"], decision["kept_doc_id"] == stays.doc_id


@pytest.mark.parametrize(("kind", "plants"), [("exact_copy", 52), ("cross_source_copy", 52)])
def test_of_two_copies_the_one_that_the_keep_rule_prefers_stays(
    kind: str, plants: int, sample_run: SampleRun, found: Outcomes
) -> None:
    pairs = [by_keep_rule(found, plant) for plant in getattr(sample_run.truth, kind)]

    removals = Counter(removal(*pair) for pair in pairs)

    assert removals == {(None, "exact_duplicate", "exact", True): plants}


def test_copies_across_sources_stay_in_the_source_of_higher_priority(
    sample_run: SampleRun, found: Outcomes
) -> None:
    pairs = [by_keep_rule(found, plant) for plant in sample_run.truth.cross_source_copy]

    sources = {(stays.row["source"], goes.row["source"]) for stays, goes in pairs}

    assert sources == {("cc100", "mc4"), ("wikipedia", "mc4")}


def test_every_near_copy_is_removed_for_the_document_that_the_keep_rule_prefers(
    sample_run: SampleRun, found: Outcomes
) -> None:
    pairs = [by_keep_rule(found, plant) for plant in sample_run.truth.near_copy]

    removals = Counter(removal(*pair) for pair in pairs)

    assert removals == {(None, "near_duplicate", "near", True): 78}


def test_the_recorded_similarity_of_near_copies_is_the_planted_one(
    sample_run: SampleRun, found: Outcomes
) -> None:
    plants = sample_run.truth.near_copy
    decisions = [by_keep_rule(found, plant)[1].decision for plant in plants]

    recorded = [decision["jaccard"] for decision in decisions if decision]

    assert recorded == pytest.approx([plant.jaccard for plant in plants], abs=1e-6)
    assert min(recorded) >= 0.8


def test_look_alikes_both_stay(sample_run: SampleRun, found: Outcomes) -> None:
    plants = sample_run.truth.look_alike

    fates = Counter((found[at(p.original)].drop_reason, found[at(p.copy)].drop_reason) for p in plants)

    assert fates == {(None, None): 52}


def test_every_removed_near_duplicate_is_similar_to_a_document_that_was_kept(
    sample_run: SampleRun, found: Outcomes
) -> None:
    kept = {outcome.doc_id: outcome for outcome in found.values() if outcome.drop_reason is None}
    near = [(o, o.decision) for o in found.values() if o.decision and o.decision["rule"] == "near"]

    similarities = [jaccard(outcome.text, kept[row["kept_doc_id"]].text) for outcome, row in near]

    assert similarities == pytest.approx([row["jaccard"] for _, row in near], abs=1e-12)
    assert min(similarities) >= 0.8


def test_every_removed_copy_is_equal_to_a_document_that_was_kept_but_for_white_space(
    sample_run: SampleRun, found: Outcomes
) -> None:
    kept = {outcome.doc_id: outcome for outcome in found.values() if outcome.drop_reason is None}
    exact = [(o, o.decision) for o in found.values() if o.decision and o.decision["rule"] == "exact"]

    different = [
        outcome.row["locator"]
        for outcome, row in exact
        if outcome.text.split() != kept[row["kept_doc_id"]].text.split()
    ]

    assert different == []


def test_no_two_kept_documents_of_a_locale_are_near_duplicates(found: Outcomes) -> None:
    kept = [(o.row["locale"], key, shingles(o.text)) for key, o in found.items() if o.drop_reason is None]
    by_locale: dict[str, list[tuple[tuple[str, str], frozenset[str]]]] = {}
    for locale, key, of_text in kept:
        by_locale.setdefault(locale, []).append((key, of_text))

    missed = [
        (one, other)
        for documents in by_locale.values()
        for (one, left), (other, right) in combinations(documents, 2)
        if similarity(left, right) >= 0.8
    ]

    assert missed == []


def test_documents_in_another_language_than_declared_are_dropped_for_it(
    sample_run: SampleRun, found: Outcomes
) -> None:
    fates = Counter(found[at(plant.document)].drop_reason for plant in sample_run.truth.wrong_language)

    assert fates == {"wrong_language": 14}


def test_boilerplate_is_dropped_by_a_quality_rule(sample_run: SampleRun, found: Outcomes) -> None:
    fates = Counter(found[at(plant.document)].drop_reason for plant in sample_run.truth.boilerplate)

    assert fates.total() == 26
    assert None not in fates
    assert not NOT_QUALITY & set(fates)


def test_broken_encodings_are_repaired_and_the_document_is_kept(
    sample_run: SampleRun, found: Outcomes
) -> None:
    repaired = {at(plant.document): plant.text_start for plant in sample_run.truth.mojibake}

    starts = {key: (found[key].drop_reason, found[key].text[: len(start)]) for key, start in repaired.items()}

    assert len(starts) == 8
    assert starts == {key: (None, start) for key, start in repaired.items()}


def test_planted_private_data_is_in_no_text(sample_run: SampleRun) -> None:
    everything = "\0".join(row["text"] for row in sample_run.documents)
    plants = sample_run.truth.private_data
    planted = [
        value for p in plants for values in (p.emails, p.ip_addresses, p.phone_numbers) for value in values
    ]

    left = [value for value in planted if value in everything]

    assert len(planted) >= 12
    assert left == []


def test_documents_with_private_data_are_kept_with_a_placeholder_and_a_count_for_each(
    sample_run: SampleRun, found: Outcomes
) -> None:
    plants = sample_run.truth.private_data
    expected = [(None, *[len(v) for v in (p.emails, p.ip_addresses, p.phone_numbers)]) for p in plants]

    rows = [(found[at(p.document)], found[at(p.document)].row) for p in plants]

    assert [
        (o.drop_reason, row["num_emails"], row["num_ip_addresses"], row["num_phone_numbers"])
        for o, row in rows
    ] == expected
    assert [
        (None, *[o.text.count(mark) for mark in ("<email>", "<ip-address>", "<phone-number>")])
        for o, _ in rows
    ] == expected


def test_documents_in_two_languages_are_accounted_for(sample_run: SampleRun, found: Outcomes) -> None:
    plants = sample_run.truth.code_mixed

    missing = [plant.document for plant in plants if at(plant.document) not in found]

    assert len(plants) == 14
    assert missing == []


def test_quarantine_holds_exactly_the_malformed_records(sample_run: SampleRun) -> None:
    expected = Counter((m.source, m.file, m.reason, m.offset) for m in sample_run.truth.malformed)

    quarantined = Counter((r["source"], r["file"], r["reason"], r["offset"]) for r in sample_run.quarantine)

    assert quarantined == expected


def test_every_planted_document_was_read_in_its_file_and_language(
    sample_run: SampleRun, found: Outcomes
) -> None:
    truth = sample_run.truth
    pairs: list[Copy | Pair] = [
        *truth.exact_copy, *truth.cross_source_copy, *truth.near_copy, *truth.look_alike
    ]  # fmt: skip
    single: list[WrongLanguage | CodeMixed | Boilerplate | Mojibake | PrivateData] = [
        *truth.wrong_language, *truth.code_mixed, *truth.boilerplate, *truth.mojibake, *truth.private_data
    ]  # fmt: skip
    places = [place for pair in pairs for place in (pair.original, pair.copy)]
    places += [plant.document for plant in single]

    read = [
        Place(place.source, place.locator, found[at(place)].row["file"], found[at(place)].row["language"])
        for place in places
    ]

    assert read == places


def test_the_ledger_has_the_planted_number_of_records_of_every_file(sample_run: SampleRun) -> None:
    expected = {
        f"{f.source}/{f.file}": (f.documents + f.malformed, f.malformed) for f in sample_run.truth.files
    }

    by_file = {
        name: (entry["read"], entry["quarantined"]) for name, entry in sample_run.ledger["by_file"].items()
    }

    assert by_file == expected


def test_every_document_has_exactly_one_fate(sample_run: SampleRun) -> None:
    fates = Counter(row["doc_id"] for row in sample_run.fates)

    places = {(row["part"], row["row"]) for row in sample_run.fates}

    assert len(sample_run.documents) == sum(file.documents for file in sample_run.truth.files)
    assert fates == Counter(row["doc_id"] for row in sample_run.documents)
    assert len(places) == len(sample_run.fates)
