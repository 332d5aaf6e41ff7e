"""Where a job runs: processes, devices, memory, progress."""
