"""Tests of the kernels against plain Python."""
