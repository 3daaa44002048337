"""The way of each source and locale through the run: read in, kept, and what is left of it in bytes and tokens."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Key = tuple[str, str]  # source and locale


def flow(funnel: Sequence[Row], manifest: Mapping[str, Any]) -> list[Row]:
    """One row per source and locale, the most documents first.

    Tokens are those of the manifest, which counts them per source as each shard is written; so shards need not be
    read, and encrypted ones count too. They are null where there is no manifest, or a shard of the locale has no
    counts.

    Args:
        funnel: of the record of the fates: documents and bytes of text per source, file, locale and drop reason.
        manifest: of the shards; empty without any.
    """
    rows: dict[Key, Row] = {}
    for entry in funnel:
        key = entry["source"], entry["locale"] or ""
        row = rows.setdefault(key, dict.fromkeys(("documents", "kept", "text_bytes", "kept_text_bytes"), 0))
        row["documents"] += entry["documents"]
        row["text_bytes"] += entry["text_bytes"]
        if entry["drop_reason"] is None:
            row["kept"] += entry["documents"]
            row["kept_text_bytes"] += entry["text_bytes"]
    tokens, unknown = _tokens(manifest.get("files", []))
    return [
        {
            "source": source,
            "locale": locale,
            "documents": row["documents"],
            "kept": row["kept"],
            "dropped": row["documents"] - row["kept"],
            "kept_fraction": row["kept"] / row["documents"] if row["documents"] else None,
            "text_bytes": row["text_bytes"],
            "kept_text_bytes": row["kept_text_bytes"],
            "tokens": tokens[source, locale] if manifest and locale not in unknown else None,
        }
        for (source, locale), row in sorted(rows.items(), key=lambda item: (-item[1]["documents"], item[0]))
    ]


def _tokens(shards: Sequence[Row]) -> tuple[Counter[Key], set[str]]:
    """Tokens per source and locale, and the locales of which not every shard says how many."""
    tokens: Counter[Key] = Counter()
    unknown: set[str] = set()
    for shard in shards:
        if "cells" not in shard:
            unknown.add(shard["locale"])
        for cell in shard.get("cells", []):
            tokens[cell["source"], shard["locale"]] += cell["tokens"]
    return tokens, unknown
