"""What the stream refuses, each with one sentence that says what to do."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from shard_maker import plan_of, write_corpus, write_locale, write_manifest

pytest.importorskip("torch", reason="the extra `training` is not installed")

from training.manifest import StreamError
from training.stream import StreamState, TokenStream
from training.stream_config import StreamConfig

SHARD = "locale=de-DE/split=train/part-00001.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_corpus(tmp_path, {"de-DE": [[400] * 9, [300] * 7], "fr-FR": [[5] * 7]}, validation={"de-DE": [3]})
    return tmp_path


def stream(folder: Path, **values: Any) -> TokenStream:
    names = ("rank", "world_size", "state", "kms_client")
    arguments = {name: values.pop(name) for name in names if name in values}
    settings = {"shards": str(folder), "seq_len": 8, "batch_sequences": 6, **values}
    return TokenStream(StreamConfig(**settings), **arguments)


def change(folder: Path, **fields: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def read_all(found: TokenStream) -> None:
    for _ in islice(found, 200):
        pass


def refused(message: str) -> Any:
    return pytest.raises(StreamError, match=message)


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    with refused(r"there is no .*/manifest.json; name the folder of finished shards."):
        stream(tmp_path)


def test_a_manifest_of_another_version(folder: Path) -> None:
    change(folder, schema_version=2)

    with refused("has schema version 2, but this program reads 1; write the shards again"):
        stream(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 1}'])
def test_something_else_than_a_manifest(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)

    with refused("is not a manifest of shards"):
        stream(folder)


@pytest.mark.parametrize("plan", [None, {}, {"locales": {}, "total_tokens": 0}])
def test_a_plan_without_tokens(folder: Path, plan: Any) -> None:
    change(folder, plan=plan)

    with refused("has no tokens of the train split; there is nothing to train on."):
        stream(folder)


def test_a_plan_of_another_version(folder: Path) -> None:
    plan = json.loads((folder / "manifest.json").read_text())["plan"]
    change(folder, plan=plan | {"schema_version": 9})

    with refused("the plan in .* has schema version 9, but this program reads 2"):
        stream(folder)


def test_a_share_for_a_locale_without_shards(folder: Path) -> None:
    change(folder, plan=plan_of({"de-DE": 0.5, "it-IT": 0.5}, {"de-DE": 5700, "it-IT": 9}))

    with refused("gives it-IT a share, but the manifest has no shard of it"):
        stream(folder)


def test_a_share_for_a_source_without_documents(folder: Path) -> None:
    plan = plan_of({"de-DE": 0.5, "fr-FR": 0.5}, {"de-DE": 5700, "fr-FR": 35})
    plan["cells"].append(plan["cells"][0] | {"source": "news"})
    plan["phases"][0]["cells"] = [{"target_share": share} for share in (0.2, 0.5, 0.3)]
    change(folder, plan=plan)

    with refused("the plan gives de-DE/news/written a share, but the shards hold no token of it"):
        stream(folder)


def test_a_missing_shard(folder: Path) -> None:
    (folder / SHARD).unlink()

    with refused(f"{SHARD} is missing; the manifest names it"):
        stream(folder)


def test_a_shard_that_vanishes_later(folder: Path) -> None:
    found = stream(folder)
    (folder / SHARD).unlink()

    with refused(f"{SHARD} is missing; the manifest names it"):
        read_all(found)


def test_a_shard_of_another_size(folder: Path) -> None:
    path = folder / SHARD
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])

    with refused(f"{SHARD} is corrupt: it has {size - 1:,} bytes, but by the manifest {size:,}"):
        stream(folder)


def damage(folder: Path, *, at: float) -> None:
    path = folder / SHARD
    data = bytearray(path.read_bytes())
    place = int(len(data) * at)
    data[place : place + 40] = bytes(byte ^ 0x55 for byte in data[place : place + 40])
    path.write_bytes(data)


def test_a_damaged_shard_is_named_before_the_first_batch_if_hashes_are_compared(folder: Path) -> None:
    damage(folder, at=0.3)

    with refused(f"{SHARD} is corrupt: its SHA-256 is [0-9a-f]{{64}}, but by the manifest [0-9a-f]{{64}}"):
        stream(folder, verify="sha256")


def test_hashes_of_sound_shards_are_right(folder: Path) -> None:
    read_all(stream(folder, verify="sha256"))


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5])
def test_a_damaged_shard_is_named_when_it_is_read_and_never_skipped(folder: Path, at: float) -> None:
    damage(folder, at=at)

    with refused(f"{SHARD} is corrupt"):
        read_all(stream(folder))


def test_a_damaged_footer(folder: Path) -> None:
    damage(folder, at=0.8)

    with refused(f"{SHARD} is corrupt"):
        stream(folder)


def test_a_shard_that_holds_something_else_than_the_manifest_says(folder: Path) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    change(folder, files=[file | {"tokens": file["tokens"] + (file["path"] == SHARD)} for file in files])

    with refused(f"{SHARD} is corrupt: it holds 7 documents of 2,100 tokens, but by the manifest 7 of 2,101"):
        stream(folder)


@pytest.mark.parametrize("token", [-1, 1_000_000])
def test_a_token_outside_the_vocabulary(tmp_path: Path, token: int) -> None:
    entries = write_locale(tmp_path, "de-DE", [[[1, token, 2]]])
    write_manifest(tmp_path, entries, plan_of({"de-DE": 1.0}, {"de-DE": 3}))

    with refused("part-00000.parquet is corrupt: row group 0 holds a token id that is not below 1,000,000"):
        read_all(stream(tmp_path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"world_size": 4},
            "4 ranks do not divide the global batch: batch_sequences is 6; set it to a multiple",
        ),
        (
            {"world_size": 3, "mode": "bucketed"},
            "3 ranks do not divide the global batch: batch_multiple is 8; set it to a multiple of 3",
        ),
        ({"world_size": 2, "rank": 2}, "rank 2 is not one of 2 ranks, which count from 0"),
        ({"world_size": 2, "rank": -1}, "rank -1 is not one of 2 ranks"),
    ],
)
def test_ranks_that_do_not_fit(folder: Path, values: dict[str, Any], message: str) -> None:
    with refused(message):
        stream(folder, **values)


def test_a_state_of_another_manifest(folder: Path) -> None:
    found = stream(folder)
    state = found.state_after(next(iter(found)))
    change(folder, vocab_size=1_000_001)

    with refused(f"has the SHA-256 [0-9a-f]{{64}}, but the state is of {state.manifest_sha256}"):
        stream(folder, state=state)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"seq_len": 9}, {"end_id": 5}, {"block_row_groups": 1}, {"alpha": 0.5}]
)
def test_a_state_of_other_settings(folder: Path, other: dict[str, Any]) -> None:
    state = stream(folder).start

    with refused("the state is of a stream with other settings"):
        stream(folder, state=state, **other)


@pytest.mark.parametrize("other", [{"verify": "sha256"}, {"batch_sequences": 12}, {"batch_tokens": 70_000}])
def test_a_state_goes_on_under_settings_that_do_not_decide_the_order(
    folder: Path, other: dict[str, Any]
) -> None:
    state = stream(folder).start

    assert stream(folder, state=state, **other).start == state


def test_a_state_is_three_values(folder: Path) -> None:
    found = stream(folder)

    value = found.state_after(next(iter(found))).to_dict()

    assert list(value) == ["sample", "manifest_sha256", "order_sha256"]
    assert value["sample"] == 6
    assert StreamState.from_dict(json.loads(json.dumps(value))).to_dict() == value


def test_validation_of_a_locale_without_one(folder: Path) -> None:
    with refused("has no validation split of fr-FR; leave it out."):
        stream(folder).validation(["de-DE", "fr-FR"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha_end": 0.2, "alpha": 0.5}, "alpha_end and anneal_tokens go together"),
        ({"alpha_end": 0.2, "anneal_tokens": 9}, "alpha_end needs alpha, where it begins"),
        (
            {"mode": "bucketed", "seq_len": 100, "batch_tokens": 799},
            r"8 rows \(batch_multiple\) of 100 tokens \(seq_len\) are more than batch_tokens: 799",
        ),
        (
            {"mode": "bucketed", "window_documents": 12},
            "window_documents: 12 is no multiple of batch_multiple: 8",
        ),
        ({"seq_length": 3}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_do_not_fit(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StreamConfig(shards="x", **values)
