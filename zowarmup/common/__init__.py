"""The tools of all rooms: errors, files, seeds, the digest of code. Standard library alone."""
