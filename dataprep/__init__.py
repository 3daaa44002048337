"""Spark transformations from raw multilingual text to tokenised shards. Read `pipeline.py` first."""
