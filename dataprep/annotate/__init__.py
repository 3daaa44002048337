"""What is measured, in one Arrow pass: normal form, language, quality signals, hashes, signatures."""
