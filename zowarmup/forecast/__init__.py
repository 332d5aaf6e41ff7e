"""The costs of a config, before anything runs: jobs, operations, hours, bytes, disk, memory."""
