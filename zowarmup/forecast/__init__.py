"""What a config will cost, before anything runs: jobs, operations, hours, bytes, disk, memory."""
