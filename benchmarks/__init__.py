"""Benchmarks with printed tables; README.md says what each measures."""
