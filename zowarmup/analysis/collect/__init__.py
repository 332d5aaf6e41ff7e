"""The rows of all runs, collected in one file."""
