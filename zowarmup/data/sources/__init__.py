"""Where data sets come from: readers of the formats in which they are published."""
