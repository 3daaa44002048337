"""Locale balance, tokeniser and the Parquet shards that trainers stream."""
