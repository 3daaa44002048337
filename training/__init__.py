"""Trains language models on the shards of the data pipeline. Read `trainer.py` first."""
