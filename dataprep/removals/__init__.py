"""Removal requests: which documents must leave a run, and how they are taken out of a finished one."""
