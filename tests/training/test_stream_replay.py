"""Corpora that are mixed in: their share, their order, their names, on any number of ranks, from any place."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shard_maker import plan_with_phases, write_corpus, write_locale, write_manifest

pytest.importorskip("torch", reason="the extra `training` is not installed")

from training.manifest import StreamError
from training.source import StreamSource
from training.stream import StreamState, TokenStream
from training.stream_config import StreamConfig

SEQ_LEN = 8
Batches = list[dict[str, Any]]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Short documents of two locales, and long ones of two, of which one is the same."""
    said, web = tmp_path_factory.mktemp("said"), tmp_path_factory.mktemp("web")
    write_corpus(
        said,
        {"de-DE": [[4] * 40], "fr-FR": [[4] * 20]},
        {"de-DE": 0.5, "fr-FR": 0.5},
        validation={"de-DE": [4] * 6},
    )
    write_corpus(
        web, {"de-DE": [[100] * 12], "en-US": [[100] * 12]}, validation={"de-DE": [9] * 3, "en-US": [9] * 3}
    )
    return said, web


def config(corpora: tuple[Path, Path], **changes: Any) -> StreamConfig:
    replay = [{"name": "web", "shards": str(corpora[1]), "share": 0.25}]
    values = {"shards": str(corpora[0]), "replay": replay, "seq_len": SEQ_LEN, "batch_sequences": 12}
    return StreamConfig.model_validate({**values, **changes})


def taken(chosen: StreamConfig, batches: int, *, world_size: int = 1, **arguments: Any) -> Batches:
    """Global batches as lists, put together from those of all ranks."""
    of_ranks = [
        islice(TokenStream(chosen, rank=rank, world_size=world_size, **arguments), batches)
        for rank in range(world_size)
    ]
    return [
        {
            name: [row for part in parts for row in part[name].tolist()]
            for name in ("input_ids", "locale_ids", "sample_ids", "mask_keys")
        }
        for parts in zip(*of_ranks, strict=True)
    ]


def locales(chosen: StreamConfig, batches: Batches) -> list[str]:
    names = TokenStream(chosen).locales
    return [names[number] for batch in batches for number in batch["locale_ids"]]


def test_a_replayed_corpus_gets_its_share_of_the_sequences(corpora: tuple[Path, Path]) -> None:
    chosen = config(corpora)

    counts = Counter(locales(chosen, taken(chosen, 32)))

    assert counts == {"de-DE": 144, "fr-FR": 144, "web/de-DE": 48, "web/en-US": 48}


def test_tokens_are_those_of_the_corpus_that_the_name_says(corpora: tuple[Path, Path]) -> None:
    chosen = config(corpora)
    batches = taken(chosen, 32)

    rows = [row for batch in batches for row in batch["input_ids"]]

    # The corpora number their tokens each from 0: de-DE has 160 in the one, 1,200 in the other.
    for name, row in zip(locales(chosen, batches), rows, strict=True):
        low, high = {
            "de-DE": (0, 160),
            "fr-FR": (160, 240),
            "web/de-DE": (0, 1200),
            "web/en-US": (1200, 2400),
        }[name]
        assert low <= min(row)
        assert max(row) < high


def test_what_is_mixed_in_does_not_change_the_order_of_the_main_corpus(corpora: tuple[Path, Path]) -> None:
    mixed, alone = config(corpora), config(corpora, replay=[])

    def of_french(chosen: StreamConfig, number: int) -> list[list[int]]:
        batches = taken(chosen, number)
        rows = [row for batch in batches for row in batch["input_ids"]]
        return [row for name, row in zip(locales(chosen, batches), rows, strict=True) if name == "fr-FR"]

    assert of_french(mixed, 32) == of_french(alone, 24)


@pytest.mark.parametrize("mode", ["packed", "bucketed"])
def test_any_number_of_ranks_goes_on_from_any_place(corpora: tuple[Path, Path], mode: str) -> None:
    chosen = config(
        corpora, mode=mode, batch_multiple=12, batch_tokens=480, window_documents=48, batch_sequences=12
    )
    whole = taken(chosen, 9)
    stream = TokenStream(chosen)
    states = [stream.state_after(batch) for batch in islice(stream, 8)]

    for done, (world_size, state) in enumerate(zip((2, 3, 4, 1, 2, 3, 4, 6), states, strict=True), start=1):
        assert taken(chosen, 1, world_size=world_size, state=state) == [whole[done]]


def test_documents_that_are_cut_do_not_take_from_the_share_of_tokens(corpora: tuple[Path, Path]) -> None:
    chosen = config(
        corpora, mode="bucketed", seq_len=20, batch_multiple=8, batch_tokens=480, window_documents=256
    )
    tokens = Counter[str]()
    stream = TokenStream(chosen)

    for batch in islice(stream, 60):
        for number, length in zip(batch["locale_ids"].tolist(), batch["lengths"].tolist(), strict=True):
            tokens[stream.locales[number].partition("/")[0]] += length

    # 100 tokens cut to 20; by whole documents, a share of 0.25 would have come to 0.06.
    assert tokens["web"] / tokens.total() == pytest.approx(0.25, abs=0.02)


def test_the_share_holds_in_every_batch_however_many_locales_there_are(tmp_path: Path) -> None:
    for name in ("said", "web"):
        (tmp_path / name).mkdir()
        write_corpus(tmp_path / name, {f"x{number:02}": [[8] * 4] for number in range(50)})
    replay = [{"name": "web", "shards": str(tmp_path / "web"), "share": 0.3}]
    chosen = StreamConfig.model_validate(
        {"shards": str(tmp_path / "said"), "replay": replay, "seq_len": SEQ_LEN, "batch_sequences": 200}
    )

    batches = taken(chosen, 12)

    shares = [sum(name.startswith("web/") for name in locales(chosen, [batch])) for batch in batches]
    assert min(shares) >= 59
    assert max(shares) <= 61


def test_the_phases_of_the_main_plan_are_in_its_own_tokens(
    tmp_path: Path, corpora: tuple[Path, Path]
) -> None:
    entries = [
        entry for locale in ("de-DE", "en-US") for entry in write_locale(tmp_path, locale, [[[5] * 16] * 4])
    ]
    phases = [(0, {"de-DE": 1.0, "en-US": 0.0}), (30 * SEQ_LEN, {"de-DE": 0.0, "en-US": 1.0})]
    write_manifest(tmp_path, entries, plan_with_phases(phases, {"de-DE": 64, "en-US": 64}))
    chosen = config(corpora, shards=str(tmp_path))

    names = locales(chosen, taken(chosen, 8))

    own = [name for name in names if not name.startswith("web/")]
    assert len(own) == 72
    assert own == ["de-DE"] * 30 + ["en-US"] * 42


def test_a_plan_with_phases_is_replayed_as_it_ended(tmp_path: Path, corpora: tuple[Path, Path]) -> None:
    entries = [
        entry for locale in ("de-DE", "en-US") for entry in write_locale(tmp_path, locale, [[[5] * 16] * 4])
    ]
    phases = [(0, {"de-DE": 1.0, "en-US": 0.0}), (1000, {"de-DE": 0.25, "en-US": 0.75})]
    write_manifest(tmp_path, entries, plan_with_phases(phases, {"de-DE": 64, "en-US": 64}))
    chosen = config(corpora, replay=[{"name": "old", "shards": str(tmp_path), "share": 0.5}])

    counts = Counter(locales(chosen, taken(chosen, 16)))

    assert (counts["old/de-DE"], counts["old/en-US"]) == (24, 72)


def test_alpha_of_a_replayed_corpus_is_its_own(tmp_path: Path, corpora: tuple[Path, Path]) -> None:
    write_corpus(tmp_path, {"de-DE": [[8] * 27], "en-US": [[8]]}, {"de-DE": 0.5, "en-US": 0.5})
    chosen = config(corpora, replay=[{"name": "old", "shards": str(tmp_path), "share": 0.5, "alpha": 1.0}])

    counts = Counter(locales(chosen, taken(chosen, 28)))

    # A count in the middle of a cycle is within 1 of its part: 168 / 28.
    assert counts["old/en-US"] in (5, 6, 7)


def test_validation_is_of_both_under_their_names(corpora: tuple[Path, Path]) -> None:
    source = StreamSource(config(corpora), rank=0, world_size=1, num_workers=0)

    found = [(name, batch["input_ids"][0].tolist()) for name, batch in source.validation(1)]

    assert [name for name, _ in found] == ["de-DE", "web/de-DE", "web/en-US"]
    assert [row[0] for _, row in found] == [240, 2400, 2427]


def test_validation_has_the_masks_it_has_without_being_replayed(corpora: tuple[Path, Path]) -> None:
    alone = TokenStream(config(corpora, shards=str(corpora[1]), replay=[])).validation(["en-US"])
    replayed = TokenStream(config(corpora)).validation(["en-US"], replay="web")

    keys = [next(iter(stream))["mask_keys"].tolist() for stream in (alone, replayed)]

    assert keys[0] == keys[1]


def test_a_replayed_manifest_that_changed_is_refused(tmp_path: Path, corpora: tuple[Path, Path]) -> None:
    write_corpus(tmp_path, {"de-DE": [[8] * 4]})
    chosen = config(corpora, replay=[{"name": "old", "shards": str(tmp_path), "share": 0.5}])
    state = TokenStream(chosen).start
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text() + "\n")

    with pytest.raises(StreamError, match="give it those shards, or start a new training"):
        TokenStream(chosen, state=StreamState.from_dict(state.to_dict()))


@pytest.mark.parametrize("change", [{"share": 0.5}, {"name": "www"}, {"alpha": 0.5}])
def test_a_state_of_another_replay_is_refused(corpora: tuple[Path, Path], change: dict[str, Any]) -> None:
    state = TokenStream(config(corpora)).start
    replay = {"name": "web", "shards": str(corpora[1]), "share": 0.25, **change}

    with pytest.raises(StreamError):
        TokenStream(config(corpora, replay=[replay]), state=state)


def test_replayed_shards_may_move(tmp_path: Path, corpora: tuple[Path, Path]) -> None:
    state = TokenStream(config(corpora)).start
    (tmp_path / "moved").symlink_to(corpora[1])
    replay = {"name": "web", "shards": str(tmp_path / "moved"), "share": 0.25}

    assert TokenStream(config(corpora, replay=[replay]), state=state).start == state


def test_shards_of_another_tokeniser_are_not_mixed(tmp_path: Path, corpora: tuple[Path, Path]) -> None:
    write_corpus(tmp_path, {"de-DE": [[8] * 4]})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "tokenizer_sha256": "other"}))

    with pytest.raises(
        StreamError, match=f"{tmp_path} was written with a tokeniser whose SHA-256 is other, but"
    ):
        TokenStream(config(corpora, replay=[{"name": "old", "shards": str(tmp_path), "share": 0.5}]))


@pytest.mark.parametrize(
    ("replay", "message"),
    [
        ([("a", 0.5), ("a", 0.2)], "replay has one name twice: a, a"),
        ([("a", 0.5), ("b", 0.5)], "the shares of replay come to 1; leave the main shards some"),
        ([("a/b", 0.5)], "pattern"),
    ],
)
def test_what_does_not_fit_is_refused(replay: list[tuple[str, float]], message: str) -> None:
    parts = [{"name": name, "shards": "s", "share": share} for name, share in replay]

    with pytest.raises(ValueError, match=message):
        StreamConfig.model_validate({"shards": "s", "replay": parts})


def test_a_missing_replayed_shard_is_named(tmp_path: Path, corpora: tuple[Path, Path]) -> None:
    write_corpus(tmp_path, {"de-DE": [[8] * 4]})
    (tmp_path / "locale=de-DE/split=train/part-00000.parquet").unlink()

    with pytest.raises(StreamError, match=r"part-00000.parquet is missing"):
        TokenStream(config(corpora, replay=[{"name": "old", "shards": str(tmp_path), "share": 0.5}]))


def test_mask_keys_hang_on_the_sample_alone(corpora: tuple[Path, Path]) -> None:
    keys = [
        np.array([key for batch in taken(chosen, 4) for key in batch["mask_keys"]])
        for chosen in (config(corpora), config(corpora, replay=[]))
    ]

    assert (keys[0] == keys[1]).all()
