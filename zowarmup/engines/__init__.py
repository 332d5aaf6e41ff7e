"""The computations of simulated clients; engines differ in speed and, at most, in rounding."""
