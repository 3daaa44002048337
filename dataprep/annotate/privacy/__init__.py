"""Private data that can be told by its form: found, counted, and replaced by placeholders."""
