"""One thin main per command: parses, builds the SparkSession, wires, reads, writes, records."""
