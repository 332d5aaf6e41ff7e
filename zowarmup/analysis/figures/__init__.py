"""The figures: each takes the metrics and returns a matplotlib Figure."""
