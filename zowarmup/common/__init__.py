"""The tools of all rooms: errors, files, seeds, the digest of code. Only the standard library."""
