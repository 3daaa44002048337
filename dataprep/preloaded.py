"""What the processes of local_tasks.py share: imported, and kernels loaded, in the one that they are forked from."""

from contextlib import suppress

from dataprep.annotate import task
from dataprep.dedup import deduplicate
from dataprep.kernels.compilation import warm_note
from dataprep.kernels.fused import load_kernels

__all__ = ["deduplicate", "task"]

# What is not compiled yet the job compiles, once. An error is for the tasks to meet, which can report it.
if warm_note().exists():
    with suppress(Exception):
        load_kernels()
