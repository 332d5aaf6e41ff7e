"""What is to be made: named federations, warm-ups, selections, runs and their files. No torch."""
