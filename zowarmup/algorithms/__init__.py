"""The mathematics: tensors in, tensors out. One algorithm per file."""
