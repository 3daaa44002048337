"""The in-domain track: unique utterances with their frequencies, for the second stage of training."""
