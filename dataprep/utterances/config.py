"""Validated settings of `make utterances`. All its defaults live here; see `dataprep/config.py` for the groups."""

import datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from dataprep.config import BalanceConfig, EngineConfig, ShardsConfig, SourceConfig, StrictConfig
from dataprep.sources.utterances import canonical_locale


class WindowConfig(StrictConfig):
    """From when utterances count: the `days` UTC days up to and including `end`."""

    days: int = Field(default=98, ge=1, description="length of the window")
    end: datetime.date | None = Field(
        default=None,
        description="last day; null: the day of the newest record, which takes a first pass over the input",
    )


class UpsamplingConfig(StrictConfig):
    """How often an utterance of some frequency is drawn, for one that was said once (and passed the floor)."""

    law: Literal["power", "log", "none"] = Field(
        default="power", description="power: frequency**beta; log: 1 + ln(frequency); none: once each"
    )
    beta: float = Field(default=0.5, ge=0, le=1, description="1 draws as often as it was said; 0 once each")
    max_weight: int = Field(default=1_000, ge=1, description="no utterance is drawn more often")


class EncryptionConfig(StrictConfig):
    """Parquet modular encryption of every file that holds text or token ids."""

    kms: Literal["env", "aws"] = Field(
        default="env", description="where master keys are: environment variables, or AWS KMS"
    )
    key_id: str = Field(
        min_length=1, description="master key: name of the environment variable; key id, alias or ARN of AWS"
    )
    access_log: str | None = Field(
        default=None, description="file that gets a line per decrypting read; null: access.jsonl in run_dir"
    )


class UtterancesConfig(StrictConfig):
    """One run of the utterance track."""

    run_dir: str = Field(min_length=1, description="the run folder; created if missing")
    input_root: str = Field(default=".", description="folder that relative paths of sources start from")
    sources: list[SourceConfig] = Field(
        min_length=1, description="format must be utterances; language: locale of records that name none"
    )
    locales: list[str] | None = Field(
        default=None, description="languages (en) or locales (en-US) to keep; null: all"
    )
    encryption: EncryptionConfig | None = Field(
        description="no default: utterances are private; null writes them in plain text"
    )
    tokenizer: str = Field(
        min_length=1,
        description="SentencePiece model of the first stage, whose training this data goes on with",
    )
    window: WindowConfig = WindowConfig()
    repair_mojibake: bool = Field(
        default=True, description="undo UTF-8 that was read as a one-byte code page"
    )
    min_sources: int = Field(
        default=5,
        ge=1,
        description="k: an utterance that fewer people said is dropped; records that name nobody count by `count`",
    )
    upsampling: UpsamplingConfig = UpsamplingConfig()
    split_by: Literal["text", "words"] = Field(
        default="text",
        description="utterances that share a split: of equal text, or of the same words in any order and number",
    )
    balance: BalanceConfig = BalanceConfig()
    shards: ShardsConfig = ShardsConfig()
    engine: EngineConfig = EngineConfig()

    @field_validator("locales")
    @classmethod
    def _spelled(cls, locales: list[str] | None) -> list[str] | None:
        if locales is None:
            return None
        wrong = sorted(locale for locale in locales if canonical_locale(locale) is None)
        if wrong or not locales:
            raise ValueError(
                f"{', '.join(wrong) or 'the list'} is no BCP 47 code such as en or en-US; correct it or leave it out"
            )
        return sorted({str(canonical_locale(locale)) for locale in locales})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [source.name for source in self.sources]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two sources are called {', '.join(repeated)}; names must be unique")
        if others := sorted(source.name for source in self.sources if source.format != "utterances"):
            raise ValueError(
                f"{', '.join(others)}: format must be utterances; other formats go to make prepare"
            )
        return self
