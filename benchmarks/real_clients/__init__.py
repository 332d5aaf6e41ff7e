"""Measurements of real clients on this machine: bytes at sockets, and the time of rounds."""
