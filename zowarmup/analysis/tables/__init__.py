"""One table per file: `table(metrics) -> DataFrame` of plain numbers, its caption in `attrs`."""
