"""What is to be run, and with which randomness. Standard library and validation only."""
