"""The stream of training data: shards in, batches out, in an order that any machine reproduces. Read this file first.

    manifest.json ── plan ──> phases ──> Mixture: sample number -> (stratum, ordinal)        mixture.py
    footers ────────────────> StratumOrder: ordinal -> (epoch, block, place)                 order.py
    row groups ─────────────> StratumReader: a block's documents, in order, as arrays        shard_reader.py
                              batches: packed, or padded in buckets of length                packing.py

Training is one endless row of samples, numbered from 0: sequences of `seq_len` tokens (packed) or documents
(bucketed). Which text a sample holds follows from manifest, settings and its number alone. A global batch is a run of
samples, of which every rank takes its slice. So the state of a training is one number, the next sample, and goes on
under any number of ranks and workers; the caller keeps it: `stream.state_after(batch)`.

Other corpora may be mixed in (`replay`): their strata take part in the same mixture.

    stream = TokenStream(StreamConfig(shards="run/shards", seq_len=1024), rank=rank, world_size=world_size)
    for batch in DataLoader(stream, batch_size=None, num_workers=2):
        ...
        state = stream.state_after(batch)                                # put it into the checkpoint
    stream = TokenStream(config, rank=…, world_size=…, state=state)      # goes on with the next unseen sample

Shape suffixes: as in packing.py; Q = strata.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, Self

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from training.keys import KmsClientFactory
from training.manifest import (
    TRAIN,
    VALIDATION,
    Manifest,
    Phase,
    ShardFile,
    Stratum,
    StreamError,
    phases_of_alpha,
    phases_of_plan,
    read_manifest,
    verify_shards,
)
from training.mixture import Floats, Mixture, MixtureOfCorpora, Segment
from training.order import Ints, StratumOrder, key_of, mask_key
from training.packing import Array, length_buckets, packed_batch, padded_batch, rows_of_rank
from training.shard_reader import (
    Documents,
    RowGroups,
    ShardReader,
    StratumReader,
    end_to_end,
    gathered,
    kept_share,
    stratum_sizes,
)
from training.stream_config import StreamConfig
from training.validation_stream import Batch, ValidationStream, check_world, tensors


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a training stands; small, and valid for every number of ranks and workers.

    Attributes:
        sample: number of the next sample.
        manifest_sha256: hex SHA-256 of the manifest that the samples are of; with replay, of those of all manifests.
        order_sha256: that of the settings which decide their order.
    """

    sample: int
    manifest_sha256: str
    order_sha256: str

    def to_dict(self) -> dict[str, int | str]:
        """For a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """What `to_dict` gave."""
        return cls(**value)


class TokenStream(IterableDataset[Batch]):
    """The endless batches of one rank, as a PyTorch dataset for `DataLoader(…, batch_size=None, num_workers=n)`.

    Every batch is a dictionary of tensors on the CPU. In packed mode it has what `packing.packed_batch` returns, in
    bucketed mode what `packing.padded_batch` returns, and in both, B being the rows of this rank:

    - `sample_ids` (B,), int64: number of each sample; `mask_keys` (B,), int64: see `mask_key`.
    - `locale_ids` (B,), int64: index into `locales`.
    - `next_sample` (), int64: the first sample after the global batch; `state_after` makes a state of it.

    Padding to a global batch's longest document and the bounds of batches are the same on all ranks.

    Args:
        config: settings.
        rank: rank of this process.
        world_size: number of ranks.
        state: where to go on; null: at the beginning.
        kms_client: makes the client that unwraps the keys of encrypted shards; null: the one for the manifest's `kms`.

    Attributes:
        locales: locales that are drawn, sorted; one of a replayed corpus stands behind its name, as `web/de-DE`.
        manifest: the manifest of the main corpus.
        manifest_sha256: its hash; with replay, a hash of the hashes of all manifests.
        start: state that iteration begins with; every iteration begins there again.

    Raises:
        StreamError: something is missing, corrupt, or does not fit together; the message says what to do.
    """

    def __init__(
        self,
        config: StreamConfig,
        *,
        rank: int = 0,
        world_size: int = 1,
        state: StreamState | None = None,
        kms_client: KmsClientFactory | None = None,
    ) -> None:
        self.config = config
        self.manifest = read_manifest(config.shards)
        self._manifests = {"": self.manifest}
        self._manifests |= {part.name: read_manifest(part.shards) for part in config.replay}
        for name in self._manifests:
            self._check_tokenizer(name)
        self.manifest_sha256 = self._sha256()
        self._rank, self._world_size = rank, world_size
        self._kms_client = kms_client
        check_world(config, rank, world_size)
        self.start = self._checked(state) if state is not None else self._state(0)
        phases = {name: self._phases(name) for name in sorted(self._manifests)}
        drawn = {
            of for own in phases.values() for phase in own for of, share in phase.shares.items() if share
        }
        self._strata = sorted(drawn, key=lambda stratum: (stratum.replay, stratum))
        self.locales = sorted({stratum.corpus_locale for stratum in self._strata})
        for name, manifest in self._manifests.items():
            files = [file for locale in self._drawn_of(name) for file in _train_files(manifest, locale)]
            verify_shards(manifest, files, config.verify)
        self._groups, self._orders, self._tokens_Q = self._read_orders()
        self._mixture = self._mixed(phases)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        shards = {name: ShardReader(of, self._kms_client) for name, of in self._manifests.items()}
        readers = [
            StratumReader(
                shards[stratum.replay],
                stratum,
                self._groups[stratum.corpus_locale],
                order,
                begin_id=self.config.begin_id,
                end_id=self.config.end_id,
            )
            for stratum, order in zip(self._strata, self._orders, strict=True)
        ]
        batches = self._packed if self.config.mode == "packed" else self._bucketed
        # A DataLoader takes turns between its workers, so worker i has every batch i, i + workers, ….
        return batches(readers, number, workers)

    def state_after(self, batch: Mapping[str, torch.Tensor]) -> StreamState:
        """The state of a training that has used this batch and all before it."""
        return self._state(int(batch["next_sample"]))

    def validation_locales(self, *, replay: str = "") -> list[str]:
        """Locales that have a validation split; arguments as in `validation`."""
        return sorted({file.locale for file in self._manifests[replay].of_split(VALIDATION)})

    def validation(self, locales: Sequence[str] | None = None, *, replay: str = "") -> ValidationStream:
        """The validation split once, locale by locale; see `ValidationStream`.

        Args:
            locales: only these; null: all that have one.
            replay: name of a replayed corpus, for its split; empty: that of the main one.

        Raises:
            StreamError: a locale has no validation split; or as in the constructor.
        """
        return ValidationStream(
            self.config,
            self._manifests[replay],
            locales,
            rank=self._rank,
            world_size=self._world_size,
            kms_client=self._kms_client,
        )

    def epoch_samples(self) -> dict[str, float]:
        """Samples of one epoch of each stratum: sequences of `seq_len` tokens, or documents."""
        return {
            stratum.name: order.epoch_size("tokens") / self.config.seq_len
            if self.config.mode == "packed"
            else float(order.epoch_size("documents"))
            for stratum, order in zip(self._strata, self._orders, strict=True)
        }

    def _packed(self, readers: Sequence[StratumReader], worker: int, workers: int) -> Iterator[Batch]:
        rows, row_tokens = self.config.batch_sequences, self.config.seq_len
        own = rows_of_rank(rows, self._rank, self._world_size)
        for number in count(worker, workers):
            sample = self.start.sample + number * rows
            sample_B = np.arange(sample + own.start, sample + own.stop)
            stratum_B, ordinal_B = self._mixture.draws(int(sample_B[0]), len(sample_B))
            ids_BT = np.empty((len(sample_B), row_tokens), np.int32)
            starts = []
            for stratum in np.unique(stratum_B).tolist():
                row_R = np.flatnonzero(stratum_B == stratum)
                # Ordinals of a stratum have no gaps, so its rows are one stretch of its tokens.
                documents = readers[stratum].tokens(
                    int(ordinal_B[row_R[0]]) * row_tokens, len(row_R) * row_tokens
                )
                ids_BT[row_R] = documents.ids_S.reshape(-1, row_tokens)
                row, column = np.divmod(documents.start_D1[:-1], row_tokens)
                starts.append(row_R[row] * row_tokens + column)
            length_B = np.full(len(sample_B), row_tokens)
            batch = packed_batch(ids_BT, np.concatenate(starts), length_B, self.config.pad_id)
            yield tensors(batch, self._of_samples(sample_B, stratum_B, sample + rows))

    def _bucketed(self, readers: Sequence[StratumReader], worker: int, workers: int) -> Iterator[Batch]:
        size = self.config.window_documents
        first_window, used = divmod(self.start.sample, size)
        number = 0
        for window in count(first_window):
            documents, stratum_N = self._window(readers, window * size, size)
            length_N = np.minimum(np.diff(documents.start_D1), self.config.seq_len)
            batches = length_buckets(
                length_N,
                batch_tokens=self.config.batch_tokens,
                multiple=self.config.batch_multiple,
                key=key_of(self.config.seed, "batches", window),
            )
            end = 0
            for row_N in batches:
                end += len(row_N)
                if end <= used:
                    continue
                if number % workers == worker:
                    row_B = row_N[rows_of_rank(len(row_N), self._rank, self._world_size)]
                    longest = max(1, int(length_N[row_N].max()))
                    batch = padded_batch(documents, row_B, longest, self.config.pad_id)
                    yield tensors(
                        batch, self._of_samples(window * size + row_B, stratum_N[row_B], window * size + end)
                    )
                number += 1
            used = 0

    def _window(self, readers: Sequence[StratumReader], first: int, size: int) -> tuple[Documents, Ints]:
        """The documents of a run of samples, and the stratum of each."""
        stratum_N, ordinal_N = self._mixture.draws(first, size)
        by_stratum_N = np.argsort(stratum_N, kind="stable")
        parts = []
        for stratum in np.unique(stratum_N).tolist():
            ordinals = ordinal_N[stratum_N == stratum]
            parts.append(readers[stratum].documents(int(ordinals[0]), len(ordinals)))
        place_N = np.empty(size, np.int64)
        place_N[by_stratum_N] = np.arange(size)
        return gathered(end_to_end(parts), place_N, begin_id=None, end_id=None), stratum_N

    def _of_samples(self, sample_B: Ints, stratum_B: Ints, next_sample: int) -> dict[str, Array]:
        locale_Q = np.array([self.locales.index(stratum.corpus_locale) for stratum in self._strata])
        return {
            "sample_ids": sample_B,
            "mask_keys": mask_key(self.config.seed, sample_B),
            "locale_ids": locale_Q[stratum_B],
            "next_sample": np.array(next_sample),
        }

    def _phases(self, replay: str) -> list[Phase]:
        """The phases of a corpus, in its own tokens."""
        config, manifest = self.config, self._manifests[replay]
        if not replay:
            if config.alpha is None:
                return phases_of_plan(manifest)
            return phases_of_alpha(
                manifest, config.alpha, config.alpha_end, config.anneal_tokens, config.anneal_segments
            )
        (part,) = (part for part in config.replay if part.name == replay)
        phases = (
            phases_of_plan(manifest)
            if part.alpha is None
            else phases_of_alpha(manifest, part.alpha, None, None, 1)
        )
        # A replayed plan does not begin again: it stays where the earlier training ended.
        return [Phase(0, {of._replace(replay=replay): share for of, share in phases[-1].shares.items()})]

    def _drawn_of(self, replay: str) -> list[str]:
        return sorted({stratum.locale for stratum in self._strata if stratum.replay == replay})

    def _read_orders(self) -> tuple[dict[str, RowGroups], list[StratumOrder], Floats]:
        """Row groups of each locale; the order of each stratum; tokens of a sample of it, on average, shape (Q,)."""
        groups: dict[str, RowGroups] = {}
        orders: dict[Stratum, StratumOrder] = {}
        tokens = {stratum: float(self.config.seq_len) for stratum in self._strata}
        for name, manifest in self._manifests.items():
            reader = ShardReader(manifest, self._kms_client)
            for locale in self._drawn_of(name):
                of_locale = reader.row_groups(_train_files(manifest, locale))
                strata = [of for of in self._strata if (of.replay, of.locale) == (name, locale)]
                groups[strata[0].corpus_locale] = of_locale
                for stratum, (rows_G, tokens_G) in stratum_sizes(reader, of_locale, strata).items():
                    if not tokens_G.sum():
                        raise StreamError(
                            f"the plan gives {stratum.name} a share, but the shards hold no token of it; "
                            "write the shards again."
                        )
                    orders[stratum] = StratumOrder(
                        key_of(self.config.seed, "stratum", stratum.name),
                        rows_G,
                        tokens_G + rows_G * self.config.extra_tokens,
                        self.config.block_row_groups,
                    )
                    if self.config.mode == "bucketed":
                        tokens[stratum] = self._sample_tokens(reader, of_locale, stratum, orders[stratum])
            reader.close()
        orders_Q = [orders[stratum] for stratum in self._strata]
        return groups, orders_Q, np.array([tokens[stratum] for stratum in self._strata])

    def _sample_tokens(
        self, reader: ShardReader, groups: RowGroups, stratum: Stratum, order: StratumOrder
    ) -> float:
        """Mean tokens of a document, without what is cut off, which some row groups tell of all."""
        mean = order.epoch_size("tokens") / order.epoch_size("documents")
        return mean * kept_share(reader, groups, stratum, self.config.seq_len, self.config.extra_tokens)

    def _mixed(self, phases: Mapping[str, Sequence[Phase]]) -> MixtureOfCorpora:
        """The corpora at their shares of tokens, each by its own phases."""
        own = {name: Mixture(self._segments(name, of)) for name, of in phases.items()}
        share = {part.name: part.share for part in self.config.replay}
        share[""] = 1 - sum(share.values())
        segments: list[Segment] = []
        first, begun = 0.0, 0
        for segment in own[""].segments:
            if segments:
                of_main = segments[-1].share_Q[0] / segments[-1].share_Q.sum()
                first += (segment.first - begun) / of_main
            begun = segment.first
            # Where samples are documents, a corpus of short ones must come more often: its phase says how short.
            phase = {name: segment if not name else mixture.segments[0] for name, mixture in own.items()}
            rates = [share[name] / self._mean_tokens(name, phase[name]) for name in own]
            segments.append(Segment(round(first), np.array(rates)))
        return MixtureOfCorpora(Mixture(segments), list(own.values()))

    def _mean_tokens(self, replay: str, segment: Segment) -> float:
        """Tokens of a sample of a corpus in a phase."""
        in_corpus_Q = np.array([stratum.replay == replay for stratum in self._strata])
        return float(segment.share_Q @ self._tokens_Q[in_corpus_Q])

    def _segments(self, replay: str, phases: Sequence[Phase]) -> list[Segment]:
        """The phases of a corpus in its samples. Shares are of tokens; short documents must come more often."""
        strata = [stratum for stratum in self._strata if stratum.replay == replay]
        tokens_Q = self._tokens_Q[np.array([stratum.replay == replay for stratum in self._strata])]
        segments: list[Segment] = []
        first = 0.0
        for number, phase in enumerate(phases):
            share_Q = np.array([phase.shares.get(stratum, 0.0) for stratum in strata])
            rate_Q = share_Q / tokens_Q
            segment = Segment(round(first), rate_Q)
            if segments and segment.first == segments[-1].first:
                segments.pop()  # a phase of less than a sample
            segments.append(segment)
            if number + 1 < len(phases):
                first += (phases[number + 1].from_token - phase.from_token) * float(
                    rate_Q.sum() / share_Q.sum()
                )
        return segments

    def _state(self, sample: int) -> StreamState:
        settings = json.dumps(self.config.order_settings(), sort_keys=True).encode()
        return StreamState(sample, self.manifest_sha256, hashlib.sha256(settings).hexdigest())

    @property
    def _told_shards(self) -> str:
        if len(self._manifests) == 1:
            return f"the manifest of {self.config.shards} has the SHA-256"
        folders = ", ".join(manifest.folder for manifest in self._manifests.values())
        return f"the manifests of {folders} have together the SHA-256"

    def _sha256(self) -> str:
        if len(self._manifests) == 1:
            return self.manifest.sha256
        named = [[name, manifest.sha256] for name, manifest in sorted(self._manifests.items())]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()

    def _check_tokenizer(self, name: str) -> None:
        other = self._manifests[name]
        if other.tokenizer_sha256 != self.manifest.tokenizer_sha256:
            raise StreamError(
                f"{other.folder} was written with a tokeniser whose SHA-256 is {other.tokenizer_sha256}, but "
                f"{self.manifest.folder} with {self.manifest.tokenizer_sha256}; mix shards of one tokeniser alone."
            )

    def _checked(self, state: StreamState) -> StreamState:
        here = self._state(state.sample)
        if state.manifest_sha256 != here.manifest_sha256:
            raise StreamError(
                f"{self._told_shards} {here.manifest_sha256}, but the state is of {state.manifest_sha256}; give it "
                "those shards, or start a new training."
            )
        if state.order_sha256 != here.order_sha256:
            raise StreamError(
                "the state is of a stream with other settings (seed, mode, seq_len, separators, block_row_groups, "
                "alpha, replay, or the batches of bucketed mode); set them as they were, or start a new training."
            )
        return state


def _train_files(manifest: Manifest, locale: str) -> list[ShardFile]:
    return [file for file in manifest.of_split(TRAIN) if file.locale == locale]
