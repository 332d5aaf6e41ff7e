"""What is on the disk: checkpoints, journal, run record, locks."""
