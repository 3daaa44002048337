"""The run on the sample corpora, for every test of the data pipeline."""

from pipeline_helpers import sample_run

__all__ = ["sample_run"]
