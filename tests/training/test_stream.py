"""The stream: what batches hold, in what order, on how many ranks and workers, from where."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_maker import plan_of, plan_with_phases, write_corpus, write_locale, write_manifest
from torch.utils.data import DataLoader

from training.order import mask_key
from training.stream import StreamState, TokenStream
from training.stream_config import StreamConfig

BEGIN, END, PAD = 900_001, 900_002, 900_003

Row = tuple[Any, ...]


def config(folder: Path, **values: Any) -> StreamConfig:
    return StreamConfig(
        **{
            "shards": str(folder),
            "seq_len": 16,
            "batch_sequences": 12,
            "begin_id": BEGIN,
            "end_id": END,
            "pad_id": PAD,
            "block_row_groups": 2,
            **values,
        }
    )


def bucketed(folder: Path, **values: Any) -> StreamConfig:
    return config(
        folder,
        **{
            "mode": "bucketed",
            "seq_len": 20,
            "batch_tokens": 480,
            "batch_multiple": 12,
            "window_documents": 96,
            **values,
        },
    )


def lengths(seed: int, shards: int, documents: int, longest: int = 18) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, longest, (shards, documents)).tolist()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[list[int]]]]:
    """Two locales of 68 and 21 documents."""
    folder = tmp_path_factory.mktemp("shards")
    return folder, write_corpus(
        folder, {"de-DE": lengths(1, 4, 17), "fr-FR": lengths(2, 3, 7)}, {"de-DE": 0.75, "fr-FR": 0.25}
    )


def rows_of(batch: dict[str, torch.Tensor]) -> list[Row]:
    """Every row of a batch, with all that is said about it and its place left out."""
    names = ["sample_ids", "mask_keys", "locale_ids", "input_ids"]
    names += ["segment_ids", "position_ids"] if "segment_ids" in batch else ["attention_mask", "lengths"]
    return [tuple(row) for row in zip(*(batch[name].tolist() for name in names), strict=True)]


def global_batches(
    chosen: StreamConfig, world_size: int, workers: int, steps: int, state: StreamState | None = None
) -> tuple[list[list[Row]], list[StreamState]]:
    """The first global batches, put together from those of all ranks, and the state after each."""
    streams = [
        TokenStream(chosen, rank=rank, world_size=world_size, state=state) for rank in range(world_size)
    ]
    by_rank = [
        list(islice(DataLoader(stream, batch_size=None, num_workers=workers), steps)) for stream in streams
    ]
    batches = [[row for batch in of_step for row in rows_of(batch)] for of_step in zip(*by_rank, strict=True)]
    return batches, [streams[0].state_after(batch) for batch in by_rank[0]]


def documents_of(batches: Iterator[dict[str, torch.Tensor]]) -> Iterator[tuple[int, list[int]]]:
    """Locale and ids of every document of packed batches of one locale after the other; cut ones are joined again."""
    open_documents: dict[int, list[int]] = {}
    for batch in batches:
        for locale, row in zip(batch["locale_ids"].tolist(), batch["input_ids"].tolist(), strict=True):
            for token in row:
                document = open_documents.setdefault(locale, [])
                document.append(token)
                if token == END:
                    yield locale, open_documents.pop(locale)


@pytest.mark.parametrize("block_row_groups", [1, 2, 5, 100])
def test_every_document_of_a_locale_comes_once_in_each_of_its_epochs(
    corpus: tuple[Path, dict[str, list[list[int]]]], block_row_groups: int
) -> None:
    folder, documents = corpus
    stream = TokenStream(config(folder, block_row_groups=block_row_groups))

    read = list(islice(documents_of(iter(stream)), 400))

    for number, locale in enumerate(["de-DE", "fr-FR"]):
        expected = Counter((BEGIN, *document, END) for document in documents[locale])
        found = [tuple(document) for of, document in read if of == number]
        size = len(documents[locale])
        epochs = [found[start : start + size] for start in range(0, len(found) // size * size, size)]
        assert len(epochs) >= 3
        assert all(Counter(epoch) == expected for epoch in epochs)
        assert epochs[0] != epochs[1]


def test_no_token_is_lost_or_doubled_without_separators(tmp_path: Path) -> None:
    documents = write_corpus(tmp_path, {"de-DE": lengths(5, 3, 11)})["de-DE"]
    tokens = sorted(token for document in documents for token in document)
    stream = TokenStream(config(tmp_path, begin_id=None, end_id=None, batch_sequences=1, seq_len=7))

    read = torch.cat(
        [batch["input_ids"].ravel() for batch in islice(stream, 3 * len(tokens) // 7 + 1)]
    ).tolist()

    for epoch in range(3):
        assert sorted(read[epoch * len(tokens) : (epoch + 1) * len(tokens)]) == tokens


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=9).filter(any), min_size=1, max_size=3),
    st.integers(2, 23),
)
def test_segments_and_positions_are_those_of_the_documents(
    tmp_path_factory: pytest.TempPathFactory, shards: list[list[int]], seq_len: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    write_corpus(folder, {"de-DE": shards})

    for batch in islice(TokenStream(config(folder, seq_len=seq_len, batch_sequences=4)), 5):
        assert batch["input_ids"].shape == (4, seq_len)
        starts = []
        longest = 0
        for row, ids in enumerate(batch["input_ids"].tolist()):
            segment, position = -1, 0
            for place, token in enumerate(ids):
                if place == 0 or token == BEGIN:
                    segment, position = segment + 1, 0
                    starts.append(row * seq_len + place)
                assert batch["segment_ids"][row, place] == segment
                assert batch["position_ids"][row, place] == position
                position += 1
                longest = max(longest, position)
        assert batch["cu_seqlens"].tolist() == [*starts, 4 * seq_len]
        assert batch["max_seqlen"].item() == longest


def test_types_and_shapes(corpus: tuple[Path, Any]) -> None:
    batch = next(iter(TokenStream(config(corpus[0]), rank=1, world_size=3)))

    assert {name: (str(value.dtype), tuple(value.shape)) for name, value in batch.items()} == {
        "input_ids": ("torch.int64", (4, 16)),
        "segment_ids": ("torch.int32", (4, 16)),
        "position_ids": ("torch.int32", (4, 16)),
        "cu_seqlens": ("torch.int32", (len(batch["cu_seqlens"]),)),
        "max_seqlen": ("torch.int32", ()),
        "sample_ids": ("torch.int64", (4,)),
        "mask_keys": ("torch.int64", (4,)),
        "locale_ids": ("torch.int64", (4,)),
        "next_sample": ("torch.int64", ()),
    }
    assert batch["sample_ids"].tolist() == [4, 5, 6, 7]
    assert batch["next_sample"].item() == 12


@pytest.mark.parametrize("mode", [config, bucketed])
@pytest.mark.parametrize(("world_size", "workers"), [(1, 1), (1, 2), (2, 0), (3, 0), (3, 2), (4, 0), (4, 1)])
def test_the_global_order_is_the_same_for_every_number_of_ranks_and_workers(
    corpus: tuple[Path, Any], mode: Any, world_size: int, workers: int
) -> None:
    alone, states = global_batches(mode(corpus[0]), 1, 0, 9)

    batches, other_states = global_batches(mode(corpus[0]), world_size, workers, 9)

    assert batches == alone
    assert other_states == states


@pytest.mark.parametrize("mode", [config, bucketed])
def test_a_training_goes_on_with_the_next_unseen_sample_wherever_it_stopped(
    corpus: tuple[Path, Any], mode: Any
) -> None:
    chosen = mode(corpus[0])
    alone, states = global_batches(chosen, 1, 0, 60)
    points = np.random.default_rng(0).permutation(54)[:50].tolist()
    worlds = [1, 2, 4, 3]

    for number, point in enumerate(points):
        state = StreamState.from_dict(states[point].to_dict())
        batches, _ = global_batches(chosen, worlds[number % 4], 2 if number % 10 == 9 else 0, 5, state)
        assert batches == alone[point + 1 : point + 6]


def test_a_training_that_changes_its_size_three_times_reads_what_an_uninterrupted_one_does(
    corpus: tuple[Path, Any],
) -> None:
    alone, _ = global_batches(config(corpus[0]), 1, 0, 20)
    read: list[list[Row]] = []
    state = None

    for world_size, workers in [(1, 0), (2, 2), (4, 0), (3, 2)]:
        batches, states = global_batches(config(corpus[0]), world_size, workers, 5, state)
        read, state = read + batches, states[-1]

    assert read == alone


def test_another_batch_size_goes_on_with_the_same_samples(corpus: tuple[Path, Any]) -> None:
    alone, _ = global_batches(config(corpus[0]), 1, 0, 6)
    _, states = global_batches(config(corpus[0]), 1, 0, 2)

    larger, _ = global_batches(config(corpus[0], batch_sequences=24), 2, 0, 2, states[-1])

    assert [row for batch in larger for row in batch] == [row for batch in alone[2:] for row in batch]


def test_every_iteration_begins_at_the_start_again(corpus: tuple[Path, Any]) -> None:
    stream = TokenStream(config(corpus[0]))

    first, again = (rows_of(next(iter(stream))) for _ in range(2))

    assert first == again


def test_another_seed_gives_another_order_and_other_masks(corpus: tuple[Path, Any]) -> None:
    batches = [next(iter(TokenStream(config(corpus[0], seed=seed)))) for seed in (0, 1)]

    assert batches[0]["input_ids"].tolist() != batches[1]["input_ids"].tolist()
    assert not set(batches[0]["mask_keys"].tolist()) & set(batches[1]["mask_keys"].tolist())


def test_mask_keys_hang_on_seed_and_sample_alone() -> None:
    assert mask_key(3, np.array([5, 6])).tolist() == mask_key(3, np.array([4, 5, 6]))[1:].tolist()
    assert len(set(mask_key(3, np.arange(1000)).tolist())) == 1000


def locales_of(stream: TokenStream, samples: int) -> list[str]:
    batches: list[int] = []
    for batch in stream:
        batches += batch["locale_ids"].tolist()
        if len(batches) >= samples:
            break
    return [stream.locales[number] for number in batches[:samples]]


def test_sequences_follow_the_plan(corpus: tuple[Path, Any]) -> None:
    counts = Counter(locales_of(TokenStream(config(corpus[0])), 1024))

    assert counts == {"de-DE": 768, "fr-FR": 256}


def test_phases_of_the_plan_begin_at_their_token(tmp_path: Path) -> None:
    entries = [
        *write_locale(tmp_path, "de-DE", [[[1] * 9] * 4]),
        *write_locale(tmp_path, "fr-FR", [[[2] * 9] * 4]),
    ]
    first, then = {"de-DE": 1.0, "fr-FR": 0.0}, {"de-DE": 0.5, "fr-FR": 0.5}
    plan = plan_with_phases([(0, first), (40 * 16, then)], {"de-DE": 36, "fr-FR": 36})
    write_manifest(tmp_path, entries, plan)

    locales = locales_of(TokenStream(config(tmp_path)), 80)

    assert set(locales[:40]) == {"de-DE"}
    assert Counter(locales[40:]) == {"de-DE": 20, "fr-FR": 20}


def test_alpha_makes_shares_of_its_own(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"de-DE": [[16] * 16], "fr-FR": [[16]]}, {"de-DE": 0.1, "fr-FR": 0.9})

    counts = Counter(locales_of(TokenStream(config(tmp_path, alpha=0.5)), 1000))

    # 16 to 1 tokens, so 4 to 1.
    assert counts["de-DE"] == pytest.approx(800, abs=1)


def test_alpha_goes_from_one_value_to_another(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"de-DE": [[16] * 16], "fr-FR": [[16]]})
    chosen = config(tmp_path, alpha=1.0, alpha_end=0.0, anneal_tokens=1000 * 16, anneal_segments=2)

    locales = locales_of(TokenStream(chosen), 2000)

    # The middles of the two stretches are 0.75 and 0.25: 16 ** 0.75 = 8 to 1, 16 ** 0.25 = 2 to 1.
    assert Counter(locales[:500])["de-DE"] == pytest.approx(500 * 8 / 9, abs=1)
    assert Counter(locales[500:1000])["de-DE"] == pytest.approx(500 * 2 / 3, abs=1)
    assert Counter(locales[1000:])["de-DE"] == pytest.approx(500, abs=1)


def test_quotas_of_sources_are_kept(tmp_path: Path) -> None:
    documents = [[number] * 14 for number in range(24)]
    sources = ["news" if number % 4 == 0 else "web" for number in range(24)]
    entries = write_locale(tmp_path, "de-DE", [documents], sources=sources)
    plan = plan_of({"de-DE": 1.0}, {"de-DE": 24 * 14})
    plan["cells"] = [
        {"locale": "de-DE", "source": "news", "form": "written", "tokens": 6 * 14, "clusters": []},
        {"locale": "de-DE", "source": "web", "form": "written", "tokens": 18 * 14, "clusters": []},
    ]
    plan["phases"][0]["cells"] = [{"target_share": 0.5}, {"target_share": 0.5}]
    write_manifest(tmp_path, entries, plan)

    batches = list(islice(TokenStream(config(tmp_path)), 6))

    numbers = Counter(batch["input_ids"][row, 1].item() for batch in batches for row in range(12))
    # Of 72 sequences, one document each, half are of six documents and half of 18.
    assert numbers == {number: 6 if number % 4 == 0 else 2 for number in range(24)}


def test_duplicates_are_weighted_by_their_class(tmp_path: Path) -> None:
    documents = [[number] * 14 for number in range(7)]
    entries = write_locale(tmp_path, "de-DE", [documents], cluster_sizes=[1, 1, 1, 1, 2, 3, 4])
    plan = plan_of({"de-DE": 1.0}, {"de-DE": 7 * 14})
    plan["cells"][0]["clusters"] = [
        {"clusters": 1, "tokens": 4 * 14, "share_of_cell": 0.25},
        {"clusters": 2, "tokens": 1 * 14, "share_of_cell": 0.25},
        {"clusters": 4, "tokens": 2 * 14, "share_of_cell": 0.5},
    ]
    write_manifest(tmp_path, entries, plan)

    batches = list(islice(TokenStream(config(tmp_path)), 4))

    numbers = Counter(batch["input_ids"][row, 1].item() for batch in batches for row in range(12))
    assert numbers == {0: 3, 1: 3, 2: 3, 3: 3, 4: 12, 5: 12, 6: 12}


def test_rows_with_weights_come_that_often_in_an_epoch(tmp_path: Path) -> None:
    documents = [[number] * (number % 3 + 1) for number in range(1, 9)]
    weights = [1, 1, 1, 2, 3, 1, 0, 4]
    entries = write_locale(tmp_path, "de-DE", [documents], weights=weights)
    tokens = sum(len(document) * weight for document, weight in zip(documents, weights, strict=True))
    write_manifest(tmp_path, entries, plan_of({"de-DE": 1.0}, {"de-DE": tokens}))

    for chosen in (config(tmp_path), bucketed(tmp_path, batch_multiple=1, window_documents=13)):
        read: list[int] = []
        for batch in islice(TokenStream(chosen), 60):
            read += [token for token in batch["input_ids"].ravel().tolist() if token == END or token < 9]
        ends = [place for place, token in enumerate(read) if token == END]
        epoch = [read[end - 1] for end in ends[:13]]
        assert Counter(epoch) == {1: 1, 2: 1, 3: 1, 4: 2, 5: 3, 6: 1, 8: 4}


def test_documents_in_buckets_come_once_in_an_epoch_and_keep_the_budget(
    corpus: tuple[Path, dict[str, list[list[int]]]],
) -> None:
    folder, documents = corpus
    stream = TokenStream(bucketed(folder))

    found: dict[int, list[tuple[int, ...]]] = {0: [], 1: []}
    rows: list[tuple[int, int, tuple[int, ...]]] = []
    for batch in islice(stream, 40):
        size, longest = batch["input_ids"].shape
        assert size % 12 == 0
        assert size * longest <= 480
        assert batch["lengths"].max() == longest
        for ids, length, mask, sample, locale in zip(
            *(batch[name] for name in ("input_ids", "lengths", "attention_mask", "sample_ids", "locale_ids")),
            strict=True,
        ):
            assert mask.tolist() == [1] * length + [0] * (longest - length)
            assert ids[length:].tolist() == [PAD] * (longest - length)
            rows.append((int(sample), int(locale), tuple(ids[:length].tolist())))
    for _, locale, ids in sorted(rows):
        found[locale].append(ids)
    whole = rows[: len(rows) // 96 * 96]
    assert sorted(sample for sample, _, _ in whole) == list(range(len(whole)))

    for number, locale in enumerate(["de-DE", "fr-FR"]):
        size = len(documents[locale])
        epoch = Counter(found[number][:size])
        assert epoch == Counter((BEGIN, *document, END) for document in documents[locale])


def test_shares_of_documents_in_buckets_are_shares_of_tokens(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"de-DE": [[2] * 12], "fr-FR": [[8] * 12]})
    stream = TokenStream(bucketed(tmp_path, begin_id=None, end_id=None))
    tokens: Counter[int] = Counter()

    for batch in islice(stream, 100):
        for locale, length in zip(batch["locale_ids"].tolist(), batch["lengths"].tolist(), strict=True):
            tokens[locale] += length

    assert tokens[0] / sum(tokens.values()) == pytest.approx(0.5, abs=0.03)


def test_a_long_document_in_a_bucket_is_cut(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"de-DE": [[50, 3, 3]]})
    stream = TokenStream(bucketed(tmp_path, window_documents=12, begin_id=None, end_id=None))

    batch = next(iter(stream))

    assert sorted(set(batch["lengths"].tolist())) == [3, 20]


def test_weights_count_within_their_source(tmp_path: Path) -> None:
    documents = [[number] * 14 for number in range(4)]
    entries = write_locale(
        tmp_path, "de-DE", [documents], weights=[1, 2, 1, 3], sources=["app", "app", "call", "call"]
    )
    plan = plan_of({"de-DE": 1.0}, {"de-DE": 7 * 14})
    plan["cells"] = [plan["cells"][0] | {"source": "app", "tokens": 42}]
    plan["cells"].append(plan["cells"][0] | {"source": "call", "tokens": 56})
    plan["phases"][0]["cells"] = [{"target_share": 0.5}, {"target_share": 0.5}]
    write_manifest(tmp_path, entries, plan)

    batches = list(islice(TokenStream(config(tmp_path)), 2))

    numbers = Counter(batch["input_ids"][row, 1].item() for batch in batches for row in range(12))
    # 12 sequences of each source: four epochs of three documents, three epochs of four.
    assert numbers == {0: 4, 1: 8, 2: 3, 3: 9}


@pytest.fixture(scope="module")
def with_validation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    folder = tmp_path_factory.mktemp("shards")
    validation = {"de-DE": [5, 0, 40, 7, 16], "fr-FR": [3]}
    write_corpus(folder, {"de-DE": [[9]], "fr-FR": [[9]], "it-IT": [[9]]}, validation=validation)
    # Ids are counted through: 27 tokens of training come first.
    return folder, {"de-DE": list(range(27, 95)), "fr-FR": [95, 96, 97]}


@pytest.mark.parametrize("mode", [config, bucketed])
@pytest.mark.parametrize(("world_size", "workers"), [(1, 0), (1, 2), (3, 0)])
def test_validation_comes_once_in_order_and_locale_by_locale(
    with_validation: tuple[Path, dict[str, list[int]]], mode: Any, world_size: int, workers: int
) -> None:
    folder, tokens = with_validation
    values: dict[str, Any] = {"begin_id": None, "end_id": None, "batch_sequences": 3}
    if mode is bucketed:
        values |= {"seq_len": 40, "batch_multiple": 3, "window_documents": 3}
    streams = [
        TokenStream(mode(folder, **values), rank=rank, world_size=world_size) for rank in range(world_size)
    ]

    by_rank = [
        list(DataLoader(stream.validation(), batch_size=None, num_workers=workers)) for stream in streams
    ]

    assert len({len(batches) for batches in by_rank}) == 1
    rows: list[tuple[int, int, list[int]]] = []
    for of_step in zip(*by_rank, strict=True):
        assert len({int(locale) for batch in of_step for locale in batch["locale_ids"]}) == 1
        for batch in of_step:
            mask = batch["segment_ids"] >= 0 if mode is config else batch["attention_mask"] == 1
            assert (batch["input_ids"][~mask] == PAD).all()
            for number, sample in enumerate(batch["sample_ids"].tolist()):
                ids = batch["input_ids"][number][mask[number]].tolist()
                assert (sample >= 0) or not ids
                rows.append((int(batch["locale_ids"][number]), sample, ids))
    read = sorted(row for row in rows if row[1] >= 0)
    for locale, name in enumerate(["de-DE", "fr-FR"]):
        assert [token for of, _, ids in read if of == locale for token in ids] == tokens[name]


def test_validation_padding_is_a_segment_of_its_own(
    with_validation: tuple[Path, dict[str, list[int]]],
) -> None:
    stream = TokenStream(config(with_validation[0], begin_id=None, end_id=None, batch_sequences=2, seq_len=4))

    (batch,) = stream.validation(["fr-FR"])

    assert batch["input_ids"].tolist() == [[95, 96, 97, PAD], [PAD] * 4]
    assert batch["segment_ids"].tolist() == [[0, 0, 0, -1], [-1] * 4]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0], [0, 1, 2, 3]]
    assert batch["cu_seqlens"].tolist() == [0, 3, 4, 8]
    assert batch["max_seqlen"].item() == 4
    assert batch["sample_ids"].tolist() == [0, -1]


def test_nothing_of_validation_is_trained_on(with_validation: tuple[Path, dict[str, list[int]]]) -> None:
    read: Sequence[int] = []
    for batch in islice(TokenStream(config(with_validation[0])), 10):
        read = [*read, *batch["input_ids"].ravel().tolist()]

    assert set(read) - {BEGIN, END} == set(range(27))
