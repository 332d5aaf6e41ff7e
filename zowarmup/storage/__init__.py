"""The files of a job: checkpoints, journal, run record, locks."""
