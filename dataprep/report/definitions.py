"""What every section and number of the report means, by its path in `report.json`; list positions are left out."""

from typing import Final

_FATE: Final = {
    "read": "Records the reader found, readable or not.",
    "kept": "Documents that no rule and no duplicate check dropped.",
    "dropped": "Documents that some reason dropped; the first reason to reject a document keeps the credit.",
    "quarantined": "Records that could not be read as documents.",
    "kept_fraction": "Kept documents per record read.",
}


_LINES: Final = {
    "read": "Lines, blank ones not counted, of the documents that took part.",
    "kept": "Lines left in documents that are kept.",
    "removed": "Lines removed, because another document keeps the same line.",
    "dropped": "Lines left in documents that were dropped, because too little was left of them.",
    "characters_removed": "Characters removed with these lines, line ends included.",
    "removed_fraction": "Lines removed per line read.",
    "documents": "Documents that took part: those that passed the rules and are no duplicates.",
    "documents_changed": "Documents that lost lines.",
    "documents_dropped": "Documents dropped, because too little was left of them.",
}


def _under(path: str, definitions: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": sentence for name, sentence in definitions.items()}


_PRECISION: Final = {
    "compared": "Removals of the sample that were compared again.",
    "precision": (
        "Share of removals whose texts, compared again, are as similar as the settings ask; each weighs as many "
        "removals as it stands for. Null: none was compared."
    ),
    "lower": "Lower end of the 95 % interval: Wilson's score interval for the sample's effective size.",
    "upper": "Upper end of the 95 % interval.",
}


_RECALL: Final = {
    "recall": "Share that was removed. Null: there were none.",
    "lower": "Lower end of the 95 % interval: Wilson's score interval, for the effective size of a weighted sample.",
    "upper": "Upper end of the 95 % interval.",
}
_COPIES: Final = {
    "copies": "Copies whose exact similarity to their original reaches the threshold.",
    "removed": "Copies that were removed.",
    **_RECALL,
}

_OF_RULE: Final = {
    "rule": "Name of the rule: the drop reason of what it rejects.",
    "signal": "The measurement that it looks at; null where there is none.",
    "threshold": "The setting of `rules` that it compares with; null where there is none.",
    "default": "The threshold where no locale says something else; null: off, or no number.",
    "lowest_threshold": "The lowest threshold of the locales of the run; null: off in all of them, or no number.",
    "highest_threshold": "The highest.",
    "smallest": "The smallest value of the signal that a document has; null: none has one.",
    "largest": "The largest.",
}

_EXAMPLE_OF_RULE: Final = {
    "doc_id": "Content address of the document.",
    "source": "Its source.",
    "locale": "Its locale.",
    "value": "Its value of the signal.",
    "threshold": "The threshold in force in its locale; null where the rule compares with no number.",
    "excerpt": "Beginning of its text.",
}

_SIGNALS: Final = {
    "signals": (
        "Where the thresholds lie in what they cut, for every rule in force that rejects documents, whatever other "
        "rule has the credit; and the documents nearest to the threshold of their own locale, on both sides of it."
    ),
    "signals.reason": "Why nothing is shown; null where something is.",
    "signals.excerpts": "Why no texts are shown; null where they are.",
    "signals.documents": "Documents that were looked at: all of them up to two million.",
    "signals.of_documents": "Documents of the run.",
    "signals.rules": "The rules that reject documents, the one with most first.",
    **_under("signals.rules", _OF_RULE),
    "signals.rules.explanation": "What the rule means, with its source.",
    "signals.rules.rejected": "Documents that it rejects, whatever rule before it has the credit.",
    "signals.rules.credited": "Documents that no rule before it rejects.",
    "signals.rules.without_value": "Documents that have no value of the signal; they are in no bin.",
    "signals.rules.rejected_without_value": "Those of them that it rejects, for another reason than the signal.",
    "signals.rules.scale": "Of the bins: linear or log; null without a signal.",
    "signals.rules.bins": (
        "Documents by the signal. The bins reach from its 0.5 % to its 99.5 % quantile and over all thresholds; the "
        "first is for what lies below, the last for what lies above."
    ),
    "signals.rules.bins.lower": "Lower bound, inclusive; null: none.",
    "signals.rules.bins.upper": "Upper bound, exclusive but for the end of the range; null: none.",
    "signals.rules.bins.documents": "Documents in the bin.",
    "signals.rules.bins.rejected": "Those of them that the rule rejects.",
    "signals.rules.locale_thresholds": "The different thresholds of the locales of the run.",
    "signals.rules.locale_thresholds.value": "A threshold.",
    "signals.rules.locale_thresholds.locales": "Locales of the run that have it.",
    "signals.rules.examples_rejected": (
        "Of what it rejects, the nearest to the threshold; different locales first. Without a threshold, some of it."
    ),
    **_under("signals.rules.examples_rejected", _EXAMPLE_OF_RULE),
    "signals.rules.examples_not_rejected": "Of what it looks at and does not reject, the nearest to the threshold.",
    **_under("signals.rules.examples_not_rejected", _EXAMPLE_OF_RULE),
    "signals.idle": "The rules that reject no document.",
    **_under("signals.idle", _OF_RULE),
    "signals.idle.closest": "Of what it looks at, the value nearest to the threshold of its locale; null: no such.",
    "signals.idle.closest_threshold": "That threshold.",
}

_LANGUAGES: Final = {
    "languages": (
        "The language that the source declares for a document, and the one that language identification detects in "
        "its text. They differ where a source is wrong, or the model is."
    ),
    "languages.documents": "Documents of the run, whatever their fate.",
    "languages.declared_none": "Documents whose source declares no language.",
    "languages.compared": "Documents with a declared and a detected language.",
    "languages.differ": "Those of them whose languages differ.",
    "languages.differ_fraction": "These per document compared.",
    "languages.differ_close": "Of the languages that differ, those that the model confuses: no rule rejects for them.",
    "languages.disagreements": "Pairs of languages that differ, at most fifty.",
    "languages.disagreements.declared": "Language that the source declares.",
    "languages.disagreements.detected": "Language that was detected: best label of the model, as a locale.",
    "languages.disagreements.documents": "Documents with the pair.",
    "languages.disagreements.fraction_of_declared": "These per document that declares the language.",
    "languages.disagreements.is_close": "Whether the model confuses the two, so that no rule rejects for it.",
    "languages.confusion": "The twenty languages that most documents declare, against each other.",
    "languages.confusion.declared": "Language that the source declares.",
    "languages.confusion.detected": "Language that was detected; others: none of these; null: none was detected.",
    "languages.confusion.documents": "Documents with the pair; the shade is their part of the row.",
    "languages.confusion.fraction_of_declared": "These per document that declares the language.",
    "languages.duplicates": "Documents removed as duplicates, exact or near, by their locale and that of what stays.",
    "languages.duplicates.removals": "Documents removed as duplicates.",
    "languages.duplicates.compared": "Removals that were looked up: all up to 200,000, else as many, by their hashes.",
    "languages.duplicates.kept_elsewhere": "Those for which a document of an earlier run stays; its locale is unknown.",
    "languages.duplicates.across": "Removals for a document in another locale.",
    "languages.duplicates.across_fraction": "These per removal for a document of this run.",
    "languages.duplicates.pairs": "Pairs of locales that differ, at most fifty.",
    "languages.duplicates.pairs.removed_locale": "Locale of the removed documents.",
    "languages.duplicates.pairs.kept_locale": "Locale of the documents kept in their place.",
    "languages.duplicates.pairs.documents": "Removals looked up.",
    "languages.duplicates.overlap": "The twenty locales with most removals, against each other.",
    "languages.duplicates.overlap.removed_locale": "Locale of the removed documents.",
    "languages.duplicates.overlap.kept_locale": (
        "Locale of the documents kept in their place; others: none of these; null: in another run."
    ),
    "languages.duplicates.overlap.documents": "Removals looked up; the shade is their part of the row.",
    "languages.duplicates.overlap.fraction_of_removed": "These per removal in the locale.",
}

_FLOW: Final = {
    "source": "Name of the source in the configuration.",
    "locale": "Locale (BCP 47): the declared language, else the detected one.",
    "documents": "Documents read in, those later dropped included.",
    "kept": "Documents kept.",
    "dropped": "Documents dropped.",
    "kept_fraction": "Kept documents per document read in.",
    "text_bytes": "UTF-8 bytes of the documents' text after clean-up.",
    "kept_text_bytes": "UTF-8 bytes of what is kept, without removed lines.",
    "tokens": "Tokens in the shards; null where there are none, or they were not counted by source.",
}

_CLUSTERS: Final = {
    "groups": "Groups of duplicates: documents that were removed, and what stays in their place or is linked to them.",
    "across_sources": "Groups in which documents of two or more sources were removed or stay in the place of others.",
    "linked": "Groups with documents that are kept though linked.",
    "shown": (
        "Groups to look at, of four kinds: the largest, those across most sources, those with most documents kept "
        "though linked, and those with the near duplicate nearest to the threshold. A group of several kinds stands "
        "here once. Texts begin shortly before their first difference."
    ),
    "shown.cluster_id": "Id of the group: that of its first document in the keep order.",
    "shown.kinds": "What the group is shown as: largest, across_sources, linked, borderline.",
    "shown.documents": "Documents in the group: removed, kept and linked.",
    "shown.removed": "Documents removed.",
    "shown.kept": "Documents that stay in the place of others.",
    "shown.linked": "Documents that are kept though linked.",
    "shown.by_source": "The documents of the group by source; of more than 2,000 linked ones those looked up.",
    "shown.by_source.source": "Name of the source in the configuration.",
    "shown.by_source.removed": "Documents of the source removed.",
    "shown.by_source.stay": "Documents of the source that stay, linked ones included.",
    "shown.by_locale": "The documents looked up by locale.",
    "shown.by_locale.locale": "Locale (BCP 47).",
    "shown.by_locale.documents": "Documents of the locale.",
    "shown.looked_up": (
        "Documents whose locales were looked up: all, but of more than 2,000 removed, kept or linked ones a sample by "
        "hash, and none of earlier runs."
    ),
    "shown.is_withheld": "Whether a document of the group was asked to be removed; then none of it is shown.",
    "shown.examples": (
        "Removed documents beside what stays in their place: of every source the nearest to the threshold first. Then "
        "linked documents, beside the document that stays for most others."
    ),
    "shown.examples.doc_id": "Content address of the document.",
    "shown.examples.rule": "Why it was removed: exact, near or contained; linked: it stays.",
    "shown.examples.jaccard": (
        "Jaccard similarity with what stays beside it; of linked documents counted again from the texts. Null without "
        "verification."
    ),
    "shown.examples.containment": "Share of its shingles that what stays has; null without verification.",
    "shown.examples.bands_matched": "Bands that agree; null for copies.",
    "shown.examples.source": "Its source.",
    "shown.examples.locale": "Its locale.",
    "shown.examples.locator": "Where in its source it is.",
    "shown.examples.excerpt": "Part of its text; null if the text is empty or too long to be read here.",
    "shown.examples.kept_doc_id": "Content address of the document that stays.",
    "shown.examples.kept_is_earlier": "Whether that is a document of an earlier run, whose text is not read.",
    "shown.examples.kept_source": "Its source.",
    "shown.examples.kept_locale": "Its locale.",
    "shown.examples.kept_locator": "Where in its source it is.",
    "shown.examples.kept_excerpt": "Part of its text; null if it is not read.",
}


DEFINITIONS: Final[dict[str, str]] = {
    "schema_version": "Version of this file's layout.",
    "definitions": "What each section and number means, by its path; list positions are left out.",
    "missing_inputs": "Files of the run folder that were not there; what depends on them is empty.",
    "run": "The run that made the corpus.",
    "run.started_at": "When the run started, UTC.",
    "run.commit": "Commit of the code; null outside a repository.",
    "run.master": "Spark master the run used.",
    "run.versions": "Versions of the programs that made the corpus.",
    "verdict": "Whether every record that was read is accounted for, and whether the stages agree.",
    **_under("verdict", {name: _FATE[name] for name in ("read", "kept", "dropped", "quarantined")}),
    "verdict.balanced": (
        "Whether read = kept + dropped + quarantined in total and for each source, locale and file, and whether these "
        "add up to the total."
    ),
    "verdict.consistent": "Whether every check passed, those across stages included.",
    "verdict.difference": "Records read that are neither kept, dropped nor quarantined; negative if counted twice.",
    "verdict.checks": "What was compared; a check that lacks its input is not in the list.",
    "verdict.checks.check": "What the check compares.",
    "verdict.checks.passed": "Whether every compared pair of numbers is equal.",
    "verdict.checks.compared": "Pairs of numbers compared.",
    "verdict.checks.failed": "Pairs that differ.",
    "verdict.checks.failures": "The first pairs that differ.",
    "verdict.checks.failures.entry": "What the pair counts.",
    "verdict.checks.failures.expected": "What the number should be.",
    "verdict.checks.failures.found": "What it is.",
    "alarms": "What to look at before believing the run.",
    "alarms.settings": "What raises an alarm: `report` of the configuration.",
    **_under(
        "alarms.settings",
        {
            "max_lost_fraction": "Part of its records that a source or locale may lose; losses asked for do not count.",
            "max_cluster_fraction": "Part of the documents compared that one group of duplicates may hold.",
            "min_precision": "Precision that the interval must reach; of verified removals not one may be wrong.",
            "max_quarantined_fraction": "Part of a source's records that may be unreadable.",
            "min_documents": "Smaller sources, locales and runs raise no alarm.",
            "fail_on_alarm": "Whether an alarm makes `make prepare` end with exit code 4.",
        },
    ),
    "alarms.raised": "The alarms.",
    "alarms.raised.alarm": "lost, cluster, precision or quarantine.",
    "alarms.raised.subject": "What it is about.",
    "alarms.raised.value": "The share that was found.",
    "alarms.raised.bound": "The share that is allowed or asked for.",
    "alarms.raised.sentence": "Both in words.",
    "inputs": "What the readers found, per source.",
    "inputs.files": "Input files named in the ledger.",
    "inputs.read": _FATE["read"],
    "inputs.documents": "Documents that readers made of the records.",
    "inputs.text_bytes": "UTF-8 bytes of the documents' text after clean-up.",
    "inputs.repaired": "Documents whose text was repaired during clean-up.",
    "inputs.private_data": "Private data that was found, replaced or not; dropped documents included.",
    "inputs.private_data.source": "Name of the source in the configuration.",
    "inputs.private_data.kind": "Kind of private data, as in the setting `normalise.private_data_by_kind`.",
    "inputs.private_data.found": "How often it was found.",
    "inputs.private_data.documents": "Documents of the source that held it.",
    "inputs.sources.source": "Name of the source in the configuration.",
    "inputs.sources.files": "Input files of the source named in the ledger.",
    "inputs.sources.text_bytes": (
        "UTF-8 bytes of the source's documents after clean-up, dropped ones included, removed lines not."
    ),
    **_under("inputs.sources", _FATE),
    "drops": "Why documents were dropped, per source and per locale.",
    "drops.reasons.reason": "The first rule or duplicate check that rejected the document.",
    "drops.reasons.documents": "Documents dropped for the reason.",
    "drops.reasons.fraction_of_read": "These documents per record read.",
    "drops.reasons.text_bytes": "UTF-8 bytes of these documents' text.",
    "drops.reasons.explanation": "What the reason means, with its source.",
    "drops.by_source.source": "Name of the source in the configuration.",
    "drops.by_source.reason": "The first rule or duplicate check that rejected the document.",
    "drops.by_source.documents": "Documents of the source dropped for the reason.",
    "drops.by_source.fraction_of_read": "These documents per record read from the source.",
    "drops.by_locale.locale": "Locale (BCP 47): the declared language, else the detected one.",
    "drops.by_locale.reason": "The first rule or duplicate check that rejected the document.",
    "drops.by_locale.documents": "Documents of the locale dropped for the reason.",
    "drops.by_locale.fraction_of_read": "These documents per record read in the locale.",
    "drops.locales.locale": "Locale (BCP 47): the declared language, else the detected one.",
    "drops.locales.name": "English name of the locale.",
    **_under("drops.locales", _FATE),
    "thresholds": (
        "The bounds that documents were compared with. A locale has those of the thresholds file, where it says "
        "something, and what the configuration says before them; where neither does, the defaults."
    ),
    "overturned": "Dropped documents that reviewers want kept; see `make keep`.",
    "overturned.documents.doc_id": "Content address of the document.",
    "overturned.documents.drop_reason": "Why it was dropped.",
    "overturned.documents.by": "Who wants it kept.",
    "overturned.documents.reason": "Why.",
    "overturned.documents.at": "When that was recorded, UTC.",
    "overturned.documents.honoured": (
        "Whether it is kept; not yet: make prepare was not run since, or it was removed on request."
    ),
    "thresholds.file": "The setting `thresholds`: builtin, none, or a path.",
    "thresholds.sha256": "SHA-256 of the file's contents; null without one.",
    "thresholds.origin": "What the file was computed from, in its own words.",
    "thresholds.reference_documents": "Documents of all reference corpora together.",
    "thresholds.defaults": "What counts where nothing else is said.",
    "thresholds.defaults.threshold": "Name of the threshold, as in `rules`.",
    "thresholds.defaults.value": "Its default; null: the rule is off.",
    "thresholds.by_locale": "What differs from the defaults.",
    "thresholds.by_locale.locale": "Locale (BCP 47).",
    "thresholds.by_locale.threshold": "Name of the threshold, as in `rules`.",
    "thresholds.by_locale.value": "The bound in force; the bound itself is kept. Null: the rule is off.",
    "thresholds.by_locale.origin": "Where it is from: file (the thresholds file), rules or rules_by_locale.",
    "thresholds.by_locale.documents": (
        "Reference documents of the locale behind a value of the file; 0: it is that of all locales together."
    ),
    **_SIGNALS,
    **_LANGUAGES,
    **_under("flow.by_source_and_locale", _FLOW),
    "flow": "The way of each source and locale through the run: what was read in, what is kept, and its tokens.",
    "perplexity": "Documents by how well a language model of good text expects them, where a model is given.",
    "perplexity.by_locale.locale": "Locale (BCP 47).",
    "perplexity.by_locale.bucket": "head, middle or tail, as CCNet calls them: by the locale's two bounds.",
    "perplexity.by_locale.documents": "Documents read, whatever their fate.",
    "duplicates": "Exact and near duplicates among the documents that passed the rules.",
    "duplicates.documents": "Documents that passed the rules and were compared.",
    "duplicates.exact_removed": "Documents dropped because another has the same text, white space aside.",
    "duplicates.exact_fraction": "Exact duplicates removed per document compared.",
    "duplicates.exact_clusters": "Groups of documents with the same text.",
    "duplicates.near_removed": "Documents dropped because a kept one is at least as similar as the threshold asks.",
    "duplicates.near_fraction": "Near duplicates removed per document compared.",
    "duplicates.short_documents": "Documents too short for a signature; they are compared as whole texts only.",
    "duplicates.candidate_pairs": "Pairs that the bands proposed and whose exact Jaccard similarity was computed.",
    "duplicates.verified_pairs": "Candidate pairs whose exact Jaccard similarity reaches the threshold.",
    "duplicates.verified_fraction": "Verified pairs per candidate pair.",
    "duplicates.transitive_only": (
        "Documents linked to a kept one through others only: they stay, because no direct comparison with a kept "
        "document reached the threshold."
    ),
    "duplicates.components": "Groups of documents connected by verified pairs.",
    "duplicates.num_bands": "Bands of a signature (b); two documents that agree on one band are candidates.",
    "duplicates.rows_per_band": "Hashes per band (r).",
    "duplicates.min_jaccard": "Exact Jaccard similarity from which a pair is a duplicate.",
    "duplicates.candidate_probability_at_min_jaccard": (
        "Probability that a pair exactly at the threshold becomes a candidate; pairs above it are likelier."
    ),
    "duplicates.s_curve": "Probability that a pair becomes a candidate, 1 - (1 - J^r)^b (Leskovec et al., 3.4.2).",
    "duplicates.s_curve.jaccard": "Jaccard similarity J of two documents.",
    "duplicates.s_curve.probability": "Probability that they become a candidate pair.",
    "duplicates.jaccard_histogram": "Candidate pairs by exact Jaccard similarity.",
    "duplicates.jaccard_histogram.lower": "Lower bound of the bin, inclusive.",
    "duplicates.jaccard_histogram.upper": "Upper bound of the bin.",
    "duplicates.jaccard_histogram.pairs": "Candidate pairs in the bin.",
    "duplicates.cluster_sizes": "Groups of duplicates by size, in ranges that end at powers of two above four.",
    "duplicates.cluster_sizes.smallest": "Smallest size of the range, in documents.",
    "duplicates.cluster_sizes.largest": "Largest size of the range, in documents.",
    "duplicates.cluster_sizes.clusters": "Groups of a size in the range.",
    "duplicates.cluster_sizes.documents": "Documents in these groups.",
    "duplicates.largest_group": "Documents in the largest of these groups; null without any.",
    "precision": (
        "A sample of removed near duplicates, compared again with what stays in their place: from their texts, by "
        "plain code that has no part in the removal. Drawn by the hashes of their ids, from every language and pair "
        "of sources."
    ),
    "precision.removals": "Near duplicates removed in the run: what the sample stands for.",
    "precision.not_read": (
        "Removals of the sample that were not compared: what stays is in an earlier run, the texts are too long, or "
        "they were asked to be removed."
    ),
    **_under("precision", _PRECISION),
    "precision.wrong": "Removals of the sample that are not similar enough.",
    "precision.largest_deviation": "Largest difference between the similarity on record and the one counted again.",
    **{
        path: text
        for table, what in (
            ("by_locale", "language"),
            ("by_sources", "source, and source of what stays"),
            ("by_cluster_size", "size of the group of duplicates"),
            ("by_bands", "number of bands that agree"),
        )
        for path, text in {
            f"precision.{table}": f"The same by {what}.",
            f"precision.{table}.group": f"The {what}.",
            f"precision.{table}.removals": "Removals that the sampled ones stand for, estimated.",
            **_under(f"precision.{table}", _PRECISION),
        }.items()
    },
    "recall": (
        "How many of the near duplicates there are were found, measured in two ways that do not depend on each other."
    ),
    "recall.reason": "Why recall was not measured; null if it was.",
    "recall.planted": (
        "Documents that are kept were copied, edited at random places to a known similarity, sent through "
        "deduplication among the run's own documents, and taken out again."
    ),
    **_under("recall.planted", _COPIES),
    "recall.planted.not_tried": "Copies left out, because thousands of documents share a band with them.",
    "recall.planted.below": "Copies made less similar than the threshold asks, to see that they stay.",
    "recall.planted.below_removed": "Of these, removed: they are similar enough to some other document.",
    "recall.planted.by_locale": "The same by language.",
    "recall.planted.by_locale.group": "The language.",
    **_under("recall.planted.by_locale", _COPIES),
    "recall.planted.points": "Copies by similarity to their original, in steps of 0.05: points on the S-curve.",
    "recall.planted.points.jaccard": "Mean exact similarity of the copies and their originals.",
    "recall.planted.points.copies": "Copies.",
    "recall.planted.points.probability": "Share that shares a band with its original and so is compared with it.",
    "recall.planted.points.lower": "Lower end of the 95 % interval (Wilson).",
    "recall.planted.points.upper": "Upper end of the 95 % interval.",
    "recall.second": (
        "Texts were sketched again with another seed, which misses other pairs. Of the near duplicates found then, the "
        "share that the run removed; each weighs by how seldom the second look finds what the run found at its "
        "similarity (capture and recapture)."
    ),
    "recall.second.seed": "The other seed.",
    "recall.second.documents": "Documents that were sketched again; a sample of whole files where texts are many.",
    "recall.second.documents_in_all": "Documents that deduplication compared.",
    "recall.second.removed": "Near duplicates that the run removed, with what stays among those sketched; a sample.",
    "recall.second.found_again": "Of these, found with the other seed too.",
    "recall.second.only_second": "Documents similar enough to one that stays, found with the other seed only.",
    "recall.second.missed": "Near duplicates that the run missed, estimated for the whole run.",
    **_under("recall.second", _RECALL),
    "precision.pairs": (
        "Of each language some of these pairs side by side: those that are not similar enough first, then the least "
        "similar. Long texts begin shortly before their first difference."
    ),
    "precision.pairs.locale": "Locale of the removed documents.",
    "precision.pairs.removals": "Removals in the locale, estimated.",
    "precision.pairs.examples.doc_id": "Content address of the removed document.",
    "precision.pairs.examples.source": "Its source.",
    "precision.pairs.examples.locator": "Where in its source it is.",
    "precision.pairs.examples.kept_doc_id": "Content address of the document that stays.",
    "precision.pairs.examples.kept_source": "Its source.",
    "precision.pairs.examples.kept_locator": "Where in its source it is.",
    "precision.pairs.examples.right": "Whether they are as similar as the settings ask.",
    "precision.pairs.examples.recorded": "Similarity on record; null without verification.",
    "precision.pairs.examples.recounted": "Similarity counted again.",
    "precision.pairs.examples.bands_matched": "Bands that agree.",
    "precision.pairs.examples.cluster_size": "Documents in their group of duplicates.",
    "precision.pairs.examples.excerpt": "Part of the removed text.",
    "precision.pairs.examples.kept_excerpt": "Part of the text that stays.",
    "clusters": "Groups of duplicates, and some of their documents.",
    **_under("clusters", _CLUSTERS),
    "duplicates.overlap": "Removed documents by their source and by the source of the document kept in their place.",
    "duplicates.overlap.removed_source": "Source of the removed documents.",
    "duplicates.overlap.kept_source": "Source of the documents kept in their place.",
    "duplicates.overlap.rule": "exact, near or contained.",
    "duplicates.overlap.documents": "Documents removed.",
    "duplicates.contained_removed": "Documents dropped because a kept one has most of their shingles.",
    "duplicates.earlier_removed": "Documents dropped for one that an earlier run of the signature index has kept.",
    "duplicates.earlier_segments": "Earlier runs in the signature index that the documents were compared with.",
    "duplicates.preset": "Preset of near-duplicate removal; its values can be overridden one by one.",
    "duplicates.verify": "Whether only what is verified against the document that stays is removed.",
    "duplicates.min_containment": (
        "Share of a document's shingles that a kept one must have to make it a duplicate; null: not asked."
    ),
    "duplicates.slice_fraction": "Share of texts that were compared at all, chosen by their hash.",
    "duplicates.max_bucket_size": "Documents with one band value that are compared with the first of them.",
    "duplicates.capped_buckets": "Band values that more documents have; those beyond were not compared by them.",
    "duplicates.capped_comparisons": "Documents that were not compared for this, each counted once per band value.",
    "duplicates.capped_examples": "The largest of these band values, by different documents; boilerplate, mostly.",
    "duplicates.capped_examples.documents": "Documents that share the band value.",
    "duplicates.capped_examples.skipped": "Those among them that were not compared by it.",
    "duplicates.capped_examples.excerpt": "Beginning of the first of them.",
    "duplicates.largest_buckets": "The band values that most documents share; often boilerplate.",
    "duplicates.largest_buckets.documents": "Documents that share the band value.",
    "duplicates.largest_buckets.excerpt": "Beginning of one of them.",
    "lines": (
        "Boilerplate: lines that several documents share, case, digits and punctuation aside, stay in one of them. "
        "Only sources that ask for it take part."
    ),
    **_under("lines", _LINES),
    "lines.boilerplate": "Different lines that enough documents share.",
    "lines.by_source.source": "Name of the source in the configuration.",
    **_under("lines.by_source", _LINES),
    "lines.most_frequent": "The lines that most documents share.",
    "lines.most_frequent.documents": "Documents that share the line.",
    "lines.most_frequent.line": "The line as it reads in the document that keeps it.",
    "decontamination": (
        "Evaluation sets that the corpus must not hold: a document goes that holds enough of an item of one."
    ),
    "decontamination.ngram": "Words that a passage must share with an item to match; shorter items are found whole.",
    "decontamination.documents": "Documents that were looked at: those that no rule and no duplicate check dropped.",
    "decontamination.documents_matched": "Documents that have a match with some item, whether it was enough or not.",
    "decontamination.documents_dropped": "Documents dropped as contaminated.",
    "decontamination.sets.set": "Name of the evaluation set in the configuration.",
    "decontamination.sets.items": "Items of the set.",
    "decontamination.sets.distinct_items": "Items that differ, case, punctuation and white space aside.",
    "decontamination.sets.items_found": "Different items that some document holds in whole or in part.",
    "decontamination.sets.documents_matched": "Documents that have a match with some item of the set.",
    "decontamination.sets.documents_dropped": (
        "Documents dropped for the set when fates were decided; one may count for several sets."
    ),
    "decontamination.sets.sha256": "SHA-256 of the sorted SHA-256s of the set's files, one a line.",
    "examples": "Rejected documents to look at: at most five per reason and source.",
    "examples.reasons.reason": "Why the documents were dropped.",
    "examples.reasons.explanation": "What the reason means, with its source.",
    "examples.reasons.documents": "Documents dropped for the reason in the whole run.",
    "examples.reasons.shown": "Documents shown here.",
    "examples.reasons.examples.doc_id": "Content address of the rejected document.",
    "examples.reasons.examples.source": "Its source.",
    "examples.reasons.examples.locale": "Its locale.",
    "examples.reasons.examples.file": "Its input file.",
    "examples.reasons.examples.locator": "Where in the source it is: URL, title, or file and offset.",
    "examples.reasons.examples.signal": "The measurement that the rule looks at; null where there is none.",
    "examples.reasons.examples.value": "The document's value of the signal.",
    "examples.reasons.examples.threshold": "The bound it broke; the bound itself would have been kept.",
    "examples.reasons.examples.excerpt": "Beginning of the text.",
    "examples.reasons.examples.kept_doc_id": "For a duplicate, the document kept in its place.",
    "examples.reasons.examples.kept_source": "Source of the kept document.",
    "examples.reasons.examples.kept_locator": "Where in its source the kept document is.",
    "examples.reasons.examples.kept_excerpt": "Beginning of the kept document.",
    "examples.reasons.examples.jaccard": "Exact Jaccard similarity of the two documents' shingles.",
    "quarantine": "Records that could not be read; they are kept aside as bytes.",
    "quarantine.records": "Records in the quarantine folder.",
    "quarantine.by_source.source": "Name of the source in the configuration.",
    "quarantine.by_source.reason": "Why the record could not be read.",
    "quarantine.by_source.records": "Records of the source with the reason.",
    "quarantine.by_source.explanation": "What the reason means.",
    "quarantine.by_source.examples": "At most five records, the first by file and offset.",
    "quarantine.by_source.examples.file": "Input file.",
    "quarantine.by_source.examples.locale": "Locale declared for the file; null where there is none.",
    "quarantine.by_source.examples.offset": "First byte of the record in the decompressed file.",
    "quarantine.by_source.examples.sample": "The record's first bytes as text; bytes that are no UTF-8 as \\xNN.",
    "balance": "How often each locale, source and form is drawn in training, compared with how much of it there is.",
    "balance.method": "How the shares of the locales are made: temperature (share ∝ tokens^alpha), unimax (equal, with "
    "a bound on repeats), natural, uniform or fixed.",
    "balance.alpha": "Exponent of temperature sampling: share ∝ tokens^alpha; 1 keeps the natural shares. Null with "
    "other methods and with phases.",
    "balance.held": "Quotas that make the target shares differ from those of the method.",
    "balance.unmet": "Quota that cannot be kept since documents were removed; the shares are then those of the method. "
    "Null unless there is one.",
    "balance.groups": "The same numbers for sources and forms.",
    "balance.groups.kind": "What the line is about: a source or a form.",
    "balance.groups.group": "Name of the source, or written or spoken.",
    "balance.groups.documents": "Its documents in the train split.",
    "balance.groups.tokens": "Its tokens in the train split.",
    "balance.groups.natural_share": "Its share of all tokens.",
    "balance.groups.base_share": "Its share by the method alone, before quotas and bounds on repeats.",
    "balance.groups.target_share": "Its share of the tokens drawn in training.",
    "balance.groups.expected_tokens": "Its tokens drawn in training.",
    "balance.groups.expected_repeats": "How often each of its documents is expected to be drawn.",
    "balance.phases": "Steps of training with constant shares; one, unless phases are set.",
    "balance.phases.phase": "Number of the phase in the settings, from 0.",
    "balance.phases.from_token": "Tokens drawn before the step.",
    "balance.phases.tokens": "Tokens drawn in the step.",
    "balance.phases.alpha": "Exponent of temperature sampling in the step; null with other methods.",
    "balance.total_tokens": "Tokens of the train split.",
    "balance.budget_tokens": "Tokens to be drawn in training.",
    "balance.locales.locale": "Locale (BCP 47).",
    "balance.locales.name": "English name of the locale.",
    "balance.locales.documents": "Documents of the locale in the train split.",
    "balance.locales.tokens": "Tokens of the locale in the train split.",
    "balance.locales.natural_share": "The locale's share of all tokens.",
    "balance.locales.base_share": "The locale's share by the method alone, before quotas and bounds on repeats.",
    "balance.locales.target_share": "The locale's share of the tokens drawn in training.",
    "balance.locales.expected_tokens": "The locale's tokens drawn in training.",
    "balance.locales.expected_repeats": "How often each of the locale's documents is expected to be drawn.",
    "shards": "The files that training reads.",
    "shards.files": "Shard files.",
    "shards.rows": "Documents in them.",
    "shards.tokens": "Tokens in them.",
    "shards.bytes": "Size of the files.",
    "shards.vocab_size": "Pieces of the tokenizer.",
    "shards.tokenizer_sha256": "SHA-256 of the tokenizer's model.",
    "shards.config_sha256": "SHA-256 of the settings that decide the shards' contents.",
    "shards.by_locale.locale": "Locale (BCP 47).",
    "shards.by_locale.name": "English name of the locale.",
    "shards.by_locale.split": "train or validation.",
    "shards.by_locale.files": "Shard files of the locale and split.",
    "shards.by_locale.rows": "Documents in them.",
    "shards.by_locale.tokens": "Tokens in them.",
    "shards.by_locale.bytes": "Size of the files.",
    "timings": "Wall time of the stages.",
    "timings.elapsed_s": "Seconds of this run, all stages together.",
    "timings.peak_memory_bytes": "Largest memory in use during the run, in bytes; null where it was not measured.",
    "timings.cores": "Cores of the machine that the run had; null on a cluster, and for older runs.",
    "timings.core_hours": "Cores times the hours of this run; null where the cores were not recorded.",
    "timings.price_per_core_hour": "The setting `report.price_per_core_hour`; null: not set.",
    "timings.cost": "Core-hours times the price, in the currency of the price; null without either.",
    "timings.stages.stage": "Stage of the pipeline.",
    "timings.stages.elapsed_s": "Seconds the stage took in this run.",
    "timings.stages.skipped": "Whether the stage was already done with the same settings and inputs.",
    "timings.stages.recorded_elapsed_s": "Seconds the stage took when its output was made; null if it keeps no record.",
    "settings": "The resolved configuration; values that could open doors are not shown.",
    "settings.yaml": "The configuration as YAML.",
}


_COUNTS: Final = {
    path: text
    for when, run in (("before", "first"), ("after", "second"))
    for path, text in {
        f"{when}.read": f"Records the reader found, in the {run} run.",
        f"{when}.kept": f"Documents kept, in the {run} run.",
        f"{when}.dropped": f"Documents dropped for some reason, in the {run} run.",
        f"{when}.quarantined": f"Records that could not be read as documents, in the {run} run.",
    }.items()
}


COMPARISON: Final[dict[str, str]] = {
    "schema_version": "Version of this file's layout.",
    "definitions": "What each section and number means, by its path; list positions are left out.",
    "runs": "The two run folders.",
    "commits": "Commits of the code that made them; null outside a repository.",
    "settings": "Settings that differ; the run folder and the engine's are left out, for they decide nothing.",
    "settings.setting": "Name of the setting.",
    "settings.before": "Its value in the first run; null where it has none.",
    "settings.after": "Its value in the second run; null where it has none.",
    "totals": "Records of both runs.",
    "totals.name": "Empty: the totals have no name.",
    **_under("totals", _COUNTS),
    "sources": "Records of both runs by source.",
    "sources.name": "Name of the source in the configuration.",
    **_under("sources", _COUNTS),
    "locales": "Records of both runs by locale.",
    "locales.name": "Locale (BCP 47): the declared language, else the detected one.",
    **_under("locales", _COUNTS),
    "reasons": "Reasons that dropped more documents in one run than in the other.",
    "reasons.reason": "The first rule or duplicate check that rejected the document.",
    "reasons.before": "Documents dropped for the reason in the first run.",
    "reasons.after": "Documents dropped for the reason in the second run.",
    "unchanged": "Documents that met the same fate in both runs.",
    "same": "These documents by their fate.",
    "same.fate": "kept, or the reason that dropped them.",
    "same.documents": "Documents with the fate in both runs.",
    "moves": (
        "Documents that met another fate, by what became of them in both runs. Documents are matched by their ids, "
        "which are hashes of source, locator and text: one whose text changed counts as gone and as new."
    ),
    "moves.before": "Fate in the first run: kept, the reason that dropped it, or not in the run.",
    "moves.after": "Fate in the second run, likewise.",
    "moves.documents": "Documents that went this way.",
    "moves.examples": "The first of these documents by id.",
    "moves.examples.doc_id": "Content address of the document.",
    "moves.examples.source": "Its source.",
    "moves.examples.locale": "Its locale.",
    "moves.examples.excerpt": "Beginning of its text on one line; empty if it was asked to be removed.",
}
