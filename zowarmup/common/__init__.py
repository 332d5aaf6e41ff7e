"""What every room may use: errors, files, seeds, the digest of code. Standard library alone."""
