"""Text comes in: one file per input format. Plain Python generators; no Spark."""
