"""What is decided from the measurements."""
