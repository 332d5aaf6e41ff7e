"""Deletes what no result of a config needs."""
