"""Training in memory, for a notebook; `zowarmup.api` offers it."""
