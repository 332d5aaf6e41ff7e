"""The tables; each is called with the metrics and returns a DataFrame of plain numbers."""
