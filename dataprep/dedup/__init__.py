"""Exact and near duplicates: candidates, verification, clusters, the keep rule."""
