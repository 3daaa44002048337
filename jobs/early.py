"""What a job does before its imports, which take a second: start the processes that will read its input."""

import os

from dataprep.local_tasks import prepare_processes


def prepare_for_reading() -> None:
    """On one machine, start the process that readers are forked from: it imports what they need while the job does."""
    if os.environ.get("MASTER", "local").startswith("local"):
        prepare_processes()
