"""The run on the sample corpora, for the tests of what it leaves behind."""

from pipeline_helpers import sample_run

__all__ = ["sample_run"]
