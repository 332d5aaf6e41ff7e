"""The computations of the simulated clients, made fast; every engine gives the same numbers."""
