"""One function or settings row per table: metrics in, a DataFrame of plain numbers out."""
