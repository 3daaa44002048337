"""Where a training's batches come from: what the trainer asks of a source, and the source that reads shards."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from torch import Tensor
from torch.utils.data import DataLoader

from training.stream import StreamState, TokenStream
from training.stream_config import StreamConfig

RankBatch = Mapping[str, Tensor]


class Source(Protocol):
    """Global batches, of which this rank gets its rows, in an order that every start and every rank agrees on.

    A batch is what `stream.TokenStream` yields. Of its entries, the trainer needs `input_ids`, `segment_ids` or
    `attention_mask`, `mask_keys` and `next_sample`.
    """

    manifest_sha256: str

    def read(self, state: Mapping[str, Any] | None) -> Iterator[RankBatch]:
        """Endless batches, from where a state was taken, or from the beginning."""

    def state_after(self, batch: RankBatch) -> dict[str, Any]:
        """What `read` goes on from after this batch: values that JSON keeps, of which `sample` is its `next_sample`."""

    def validation(self, batches_per_locale: int) -> Iterator[tuple[str, RankBatch]]:
        """Locale and batch of the validation split, the same at each call, as many on every rank."""


class StreamSource:
    """Batches of shards.

    Args:
        config: what is read.
        rank: rank of this process.
        world_size: number of ranks.
        num_workers: processes that read ahead.

    Attributes:
        manifest_sha256: hash of the manifest.
        tokenizer_sha256: hash of the tokeniser that the shards were written with.

    Raises:
        StreamError: the shards cannot be used; the message says what to do.
    """

    def __init__(self, config: StreamConfig, *, rank: int, world_size: int, num_workers: int) -> None:
        self._config, self._rank, self._world_size = config, rank, world_size
        self._num_workers = num_workers
        self._stream = TokenStream(config, rank=rank, world_size=world_size)
        self.manifest_sha256 = self._stream.manifest_sha256
        self.tokenizer_sha256 = self._stream.manifest.tokenizer_sha256

    def read(self, state: Mapping[str, Any] | None) -> Iterator[RankBatch]:
        """Endless batches, from where a state was taken, or from the beginning."""
        stream = self._stream
        if state is not None:
            stream = TokenStream(
                self._config,
                rank=self._rank,
                world_size=self._world_size,
                state=StreamState.from_dict(state),
            )
        return iter(DataLoader(stream, batch_size=None, num_workers=self._num_workers))

    def state_after(self, batch: RankBatch) -> dict[str, Any]:
        """What `read` goes on from after this batch."""
        return dict(self._stream.state_after(batch).to_dict())

    def validation(self, batches_per_locale: int) -> Iterator[tuple[str, RankBatch]]:
        """Locale and batch of the validation splits, locale by locale, replayed corpora after the main one."""
        for name in ("", *(part.name for part in self._config.replay)):
            for locale in self._stream.validation(replay=name).locales:
                for batch in islice(self._stream.validation([locale], replay=name), batches_per_locale):
                    yield f"{name}/{locale}" if name else locale, batch
