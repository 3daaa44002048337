"""Validated settings of the stream of training data. All its defaults live here and nowhere else."""

from collections.abc import Sequence
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

WINDOW_DOCUMENTS: Final = 8_192


class Replay(BaseModel):
    """Shards that are mixed in, so that a model does not forget what it learned from them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]+$", description="stands before the locale in what is told of it")
    shards: str = Field(description="folder with manifest.json: a path, or a URL that fsspec reads")
    share: float = Field(gt=0, lt=1, description="of the tokens of training")
    alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of a locale in it ∝ tokens ** alpha; null: as in the last phase of its plan",
    )


class StreamConfig(BaseModel):
    """What is read and how it is cut into batches.

    `shards`, `verify` and the batch may change from one start to the next. Everything else decides the order, and a
    state goes on only under the same values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    shards: str = Field(description="folder with manifest.json: a path, or a URL that fsspec reads")
    replay: tuple[Replay, ...] = Field(
        default=(), description="other shards that are mixed in, written with the same tokeniser"
    )
    mode: Literal["packed", "bucketed"] = Field(
        default="packed",
        description="packed: documents end to end, cut into sequences of seq_len; "
        "bucketed: a document per row, padded, with others of its length",
    )
    seq_len: int = Field(
        default=512,
        ge=2,
        description="packed: tokens of every sequence; bucketed: tokens of the longest, what is over is cut off",
    )
    batch_sequences: int = Field(
        default=256, ge=1, description="packed: sequences of a global batch, over all ranks"
    )
    batch_tokens: int = Field(
        default=65_536, ge=1, description="bucketed: most tokens of a global batch, padding counted"
    )
    batch_multiple: int = Field(
        default=8,
        ge=1,
        description="bucketed: rows of a global batch are a multiple of this; so is what world sizes must divide",
    )
    window_documents: int = Field(
        default=WINDOW_DOCUMENTS, ge=1, description="bucketed: documents that are sorted by length together"
    )
    begin_id: int | None = Field(default=None, ge=0, description="id before every document; null: none")
    end_id: int | None = Field(default=None, ge=0, description="id after every document; null: none")
    pad_id: int = Field(
        default=0, ge=0, description="id of padding: bucketed batches, and the end of validation"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="another seed, another order")
    block_row_groups: int = Field(
        default=4,
        ge=1,
        description="row groups whose rows are mixed. A process holds one such block per locale, 4 bytes a token",
    )
    alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of a locale ∝ tokens ** alpha, and within it as the tokens are; null: the manifest's plan",
    )
    alpha_end: float | None = Field(
        default=None, ge=0, le=1, description="alpha goes here, in a straight line, and stays; null: constant"
    )
    anneal_tokens: int | None = Field(default=None, ge=1, description="tokens of training on the way there")
    anneal_segments: int = Field(default=10, ge=1, description="stretches of constant alpha on the way there")
    verify: Literal["size", "sha256"] = Field(
        default="size",
        description="what of every shard is compared with the manifest before the first batch; sha256 reads it all",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_annealing(self.alpha, self.alpha_end, self.anneal_tokens)
        check_replay(self.replay)
        if self.mode == "bucketed" and self.seq_len * self.batch_multiple > self.batch_tokens:
            raise ValueError(
                f"{self.batch_multiple} rows (batch_multiple) of {self.seq_len} tokens (seq_len) are more than "
                f"batch_tokens: {self.batch_tokens}; raise it, or lower one of them"
            )
        if self.mode == "bucketed" and self.window_documents % self.batch_multiple:
            raise ValueError(
                f"window_documents: {self.window_documents} is no multiple of batch_multiple: {self.batch_multiple}"
            )
        return self

    @property
    def extra_tokens(self) -> int:
        """Separator ids that a document gets."""
        return (self.begin_id is not None) + (self.end_id is not None)

    def order_settings(self) -> dict[str, object]:
        """The settings that decide the order of the samples, for the state."""
        free = {"shards", "replay", "verify", "batch_sequences"}
        if self.mode == "packed":
            free |= {"batch_tokens", "batch_multiple", "window_documents"}
        settings = self.model_dump(exclude=free)
        if self.replay:
            settings["replay"] = [part.model_dump(exclude={"shards"}) for part in self.replay]
        return settings


def check_annealing(alpha: float | None, alpha_end: float | None, anneal_tokens: int | None) -> None:
    """Refuse a way of alpha without beginning, end or length.

    Raises:
        ValueError: says which is missing.
    """
    if (alpha_end is None) != (anneal_tokens is None):
        raise ValueError("alpha_end and anneal_tokens go together; set both or none")
    if alpha_end is not None and alpha is None:
        raise ValueError("alpha_end needs alpha, where it begins")


def check_replay(replay: Sequence[Replay]) -> None:
    """Refuse names that are not unique, and shares that leave nothing.

    Raises:
        ValueError: says which.
    """
    names = [part.name for part in replay]
    if len(set(names)) < len(names):
        raise ValueError(f"replay has one name twice: {', '.join(names)}; give each corpus its own")
    total = sum(part.share for part in replay)
    if total >= 1:
        raise ValueError(f"the shares of replay come to {total:g}; leave the main shards some: less than 1")
