"""The project's own sample corpora with planted, recorded truth."""
