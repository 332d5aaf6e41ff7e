"""The plan of a config: named federations, warm-ups, selections, runs and their files. No torch."""
