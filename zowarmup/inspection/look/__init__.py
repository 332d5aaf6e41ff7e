"""What `zowarmup inspect` shows of a file or folder."""
