"""Forecast a config's costs before anything runs: jobs, operations, hours, bytes, disk, memory."""
