"""The figures; the function of each takes the metrics and returns a matplotlib Figure."""
