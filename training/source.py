"""Where a training's batches come from: what the trainer asks of a source, and the source that reads shards."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from torch import Tensor
from torch.utils.data import DataLoader

from training.config import PretrainConfig
from training.stream import StreamState, TokenStream
from training.stream_config import WINDOW_DOCUMENTS, StreamConfig
from training.vocabulary import Vocabulary

RankBatch = Mapping[str, Tensor]


def stream_config(config: PretrainConfig, vocabulary: Vocabulary) -> StreamConfig:
    """What a training reads, and how.

    Raises:
        ValueError: the batch does not fit the mode.
    """
    data, micro_batches = config.data, config.global_batch_tokens // config.micro_batch_tokens
    return StreamConfig(
        shards=data.shards,
        replay=data.replay,
        mode=data.mode,
        seq_len=data.seq_len,
        batch_sequences=config.global_batch_tokens // data.seq_len,
        batch_tokens=config.global_batch_tokens,
        # So that whatever number of ranks divides the micro-batches also divides the rows.
        batch_multiple=micro_batches,
        window_documents=-(-WINDOW_DOCUMENTS // micro_batches) * micro_batches,
        end_id=vocabulary.eos_id,
        pad_id=vocabulary.pad_id,
        seed=config.seed,
        alpha=data.alpha,
        alpha_end=data.alpha_end,
        anneal_tokens=data.anneal_tokens,
    )


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
            for locale in self._stream.validation_locales(replay=name):
                for batch in islice(self._stream.validation([locale], replay=name), batches_per_locale):
                    yield f"{name}/{locale}" if name else locale, batch
