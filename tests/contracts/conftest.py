"""The run on the sample corpora, for the tests of what it leaves behind."""

import sys
from pathlib import Path

# The helpers lie beside the tests of the pipeline, which pytest only finds by itself when it runs them too.
sys.path.insert(0, str(Path(__file__).parents[1] / "dataprep"))

from pipeline_helpers import sample_run

__all__ = ["sample_run"]
