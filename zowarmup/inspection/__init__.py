"""Inspection of results: show a file, rebuild a model, compare two runs, verify a folder."""
