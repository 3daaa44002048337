"""The manifest of a folder of shards, and the balance plan in it: what there is to read, and in what shares.

The format is that of the data pipeline; this module knows it by its names alone (docs/design/0008-stream.md).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fsspec.core import url_to_fs

MANIFEST: Final = "manifest.json"
SCHEMA_VERSION: Final = 1  # of manifest.json
PLAN_SCHEMA_VERSION: Final = 2  # of the plan in it
TRAIN: Final = "train"
VALIDATION: Final = "validation"

_SAME: Final = 1e-6  # shares that differ by less, relatively, are the same
_THREADS: Final = 16  # requests to an object store at a time
_HASH_BYTES: Final = 1 << 20


class StreamError(ValueError):
    """What cannot be streamed, and what to do about it, in a sentence."""


class ShardFile(NamedTuple):
    """One shard, as the manifest describes it.

    Attributes:
        path: relative to the folder of the shards.
        rows: documents.
        tokens: token ids, each document once.
    """

    path: str
    split: str
    locale: str
    rows: int
    tokens: int
    size_bytes: int
    sha256: str


class Stratum(NamedTuple):
    """Documents that are drawn alike.

    Attributes:
        source: only of this source; null: of all.
        form: written or spoken; null: all.
        clusters: only with cluster sizes of this class (the smallest power of two that is at least the size); null:
            all.
        replay: name of the replayed corpus that they are of; empty: of the main one.
    """

    locale: str
    source: str | None = None
    form: str | None = None
    clusters: int | None = None
    replay: str = ""

    @property
    def corpus_locale(self) -> str:
        """The locale, behind the name of a replayed corpus."""
        return f"{self.replay}/{self.locale}" if self.replay else self.locale

    @property
    def name(self) -> str:
        """The fields that say something, joined."""
        parts = (self.corpus_locale, self.source, self.form, self.clusters)
        return "/".join(str(part) for part in parts if part is not None)


class Phase(NamedTuple):
    """A stretch of training with constant shares.

    Attributes:
        from_token: where it begins, in tokens of training.
        shares: per stratum, in [0, 1]; they sum to 1.
    """

    from_token: float
    shares: dict[Stratum, float]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of shards holds.

    Attributes:
        folder: the folder, as given.
        sha256: hex SHA-256 of the bytes of manifest.json.
        tokenizer_sha256: that of the tokeniser which the shards were written with.
        vocab_size: token ids are below it.
        plan: the balance plan.
        encryption: `format`, `kms` and `key_id`; null for plain shards.
    """

    folder: str
    sha256: str
    tokenizer_sha256: str
    vocab_size: int
    plan: Mapping[str, Any]
    files: tuple[ShardFile, ...]
    encryption: Mapping[str, Any] | None

    def of_split(self, split: str) -> list[ShardFile]:
        """Files of a split, sorted by path."""
        return sorted(file for file in self.files if file.split == split)

    def path(self, file: ShardFile) -> str:
        """Where a file is, as fsspec reads it."""
        return f"{self.folder.rstrip('/')}/{file.path}"


def read_manifest(folder: str) -> Manifest:
    """The manifest of a folder.

    Args:
        folder: a path, or a URL that fsspec reads.

    Raises:
        StreamError: there is none, it is not one, or of another version.
    """
    path = f"{folder.rstrip('/')}/{MANIFEST}"
    fs, inner = url_to_fs(path)
    try:
        data: bytes = fs.cat_file(inner)
    except FileNotFoundError as error:
        raise StreamError(f"there is no {path}; name the folder of finished shards.") from error
    try:
        value = json.loads(data)
        version = value["schema_version"]
        if version != SCHEMA_VERSION:
            raise StreamError(
                f"{path} has schema version {version}, but this program reads {SCHEMA_VERSION}; "
                "write the shards again, or use the program's other version."
            )
        files = tuple(
            ShardFile(
                *(entry[name] for name in ("path", "split", "locale", "rows", "tokens", "bytes", "sha256"))
            )
            for entry in value["files"]
        )
        plan, vocab_size = value["plan"], int(value["vocab_size"])
        tokenizer_sha256 = str(value["tokenizer_sha256"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, StreamError):
            raise
        raise StreamError(
            f"{path} is not a manifest of shards ({type(error).__name__}: {error}); write the shards again."
        ) from error
    return Manifest(
        folder,
        hashlib.sha256(data).hexdigest(),
        tokenizer_sha256,
        vocab_size,
        plan,
        files,
        value.get("encryption"),
    )


def verify_shards(manifest: Manifest, files: Sequence[ShardFile], how: str) -> None:
    """Compare shards with the manifest.

    Args:
        manifest: the manifest.
        files: those to look at.
        how: `size` asks the store for sizes alone; `sha256` reads every byte too.

    Raises:
        StreamError: a shard is missing or not the one in the manifest; names the first such path.
    """

    def fault(file: ShardFile) -> str | None:
        path = manifest.path(file)
        fs, inner = url_to_fs(path)
        try:
            size = int(fs.size(inner))
        except FileNotFoundError:
            return f"{path} is missing; the manifest names it: bring it back, or write the shards again."
        if size != file.size_bytes:
            return (
                f"{path} is corrupt: it has {size:,} bytes, but by the manifest {file.size_bytes:,}; "
                "copy it anew, or write the shards again."
            )
        if how == "sha256":
            digest = hashlib.sha256()
            with fs.open(inner, "rb") as opened:
                while block := opened.read(_HASH_BYTES):
                    digest.update(block)
            if digest.hexdigest() != file.sha256:
                return (
                    f"{path} is corrupt: its SHA-256 is {digest.hexdigest()}, but by the manifest {file.sha256}; "
                    "copy it anew, or write the shards again."
                )
        return None

    with ThreadPoolExecutor(_THREADS) as pool:
        for message in pool.map(fault, files):
            if message:
                raise StreamError(message)


def phases_of_plan(manifest: Manifest) -> list[Phase]:
    """The plan's phases, by the strata that must be told apart.

    Documents of a locale are one stratum where the plan draws all of them equally often, and several where it does
    not: quotas of sources or forms, weights of duplicates.

    Raises:
        StreamError: the plan has no tokens, or of another version, or names a locale without shards.
    """
    plan = manifest.plan
    locales = plan.get("locales") if isinstance(plan, Mapping) else None
    if not locales or not plan.get("total_tokens") or not manifest.of_split(TRAIN):
        raise StreamError(
            f"the plan in {manifest.folder} has no tokens of the train split; there is nothing to train on."
        )
    if plan.get("schema_version") != PLAN_SCHEMA_VERSION:
        raise StreamError(
            f"the plan in {manifest.folder} has schema version {plan.get('schema_version')}, but this program reads "
            f"{PLAN_SCHEMA_VERSION}; write the shards again, or use the program's other version."
        )
    tokens, shares_by_phase = _strata(plan)
    there = {file.locale for file in manifest.of_split(TRAIN)}
    drawn = {stratum.locale for shares in shares_by_phase for stratum, share in shares.items() if share}
    if missing := sorted(drawn - there):
        raise StreamError(
            f"the plan in {manifest.folder} gives {', '.join(missing)} a share, but the manifest has no shard of it; "
            "write the shards again."
        )
    merged = _merged(tokens, shares_by_phase)
    starts = [phase["from_token"] for phase in plan.get("phases") or [{"from_token": 0}]]
    return [Phase(start, shares) for start, shares in zip(starts, merged, strict=True)]


def _strata(plan: Mapping[str, Any]) -> tuple[dict[Stratum, int], list[dict[Stratum, float]]]:
    """Tokens per stratum of the plan, and its share in each phase."""
    if not plan.get("phases"):
        locales = plan["locales"].items()
        return (
            {Stratum(name): entry["tokens"] for name, entry in locales},
            [{Stratum(name): entry["target_share"] for name, entry in locales}],
        )
    tokens: dict[Stratum, int] = {}
    shares: list[dict[Stratum, float]] = [{} for _ in plan["phases"]]
    for number, cell in enumerate(plan["cells"]):
        key = Stratum(cell["locale"], cell["source"], cell["form"])
        whole = [{"clusters": None, "tokens": cell["tokens"], "share_of_cell": 1.0}]
        for part in cell["clusters"] or whole:
            stratum = key._replace(clusters=part["clusters"])
            tokens[stratum] = part["tokens"]
            for of_phase, phase in zip(shares, plan["phases"], strict=True):
                of_phase[stratum] = phase["cells"][number]["target_share"] * part["share_of_cell"]
    return tokens, shares


def _merged(
    tokens: Mapping[Stratum, int], shares_by_phase: Sequence[Mapping[Stratum, float]]
) -> list[dict[Stratum, float]]:
    """Shares with the strata of a locale as one, where their documents are drawn equally often in every phase."""
    of_locale: dict[str, list[Stratum]] = {}
    for stratum in tokens:
        of_locale.setdefault(stratum.locale, []).append(stratum)
    merged: list[dict[Stratum, float]] = [{} for _ in shares_by_phase]
    for locale, strata in sorted(of_locale.items()):
        rates = [[shares[stratum] / tokens[stratum] for stratum in strata] for shares in shares_by_phase]
        alike = all(max(rate) - min(rate) <= _SAME * max(rate) for rate in rates)
        for result, shares in zip(merged, shares_by_phase, strict=True):
            if alike:
                result[Stratum(locale)] = sum(shares[stratum] for stratum in strata)
            else:
                result |= {stratum: shares[stratum] for stratum in sorted(strata)}
    return merged


def phases_of_alpha(
    manifest: Manifest, alpha: float, alpha_end: float | None, anneal_tokens: int | None, segments: int
) -> list[Phase]:
    """Phases with shares ∝ tokens ** alpha of the locales (Conneau et al. 2020, section 3.1), without the plan.

    With `alpha_end`, alpha goes there in `segments` stretches of equal length, each with the value in its middle.

    Raises:
        StreamError: the plan has no tokens.
    """
    tokens = {Stratum(phase.locale): 0.0 for phase in phases_of_plan(manifest)[0].shares}
    tokens |= {Stratum(name): float(entry["tokens"]) for name, entry in manifest.plan["locales"].items()}
    if alpha_end is None or anneal_tokens is None:
        return [Phase(0, _temperature(tokens, alpha))]
    middles = [(number + 0.5) / segments for number in range(segments)]
    phases = [
        Phase(anneal_tokens * number / segments, _temperature(tokens, alpha + (alpha_end - alpha) * middle))
        for number, middle in enumerate(middles)
    ]
    return [*phases, Phase(anneal_tokens, _temperature(tokens, alpha_end))]


def _temperature(tokens: Mapping[Stratum, float], alpha: float) -> dict[Stratum, float]:
    largest = max(tokens.values())
    weights = {stratum: (count / largest) ** alpha if count else 0.0 for stratum, count in tokens.items()}
    total = sum(weights.values())
    return {stratum: weight / total for stratum, weight in sorted(weights.items())}
