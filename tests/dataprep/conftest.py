"""The runs on the sample corpora and on the real samples, for every test of the data pipeline."""

from pipeline_helpers import real_pipeline, sample_run

__all__ = ["real_pipeline", "sample_run"]
