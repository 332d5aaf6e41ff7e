"""The adaptive pivot: the rows of probes, the rules that read them, the rate that follows."""
