"""What simulated clients compute, made fast. Every engine gives the same numbers."""
