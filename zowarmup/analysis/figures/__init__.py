"""One figure per file: `figure(metrics, federation) -> matplotlib Figure`."""
