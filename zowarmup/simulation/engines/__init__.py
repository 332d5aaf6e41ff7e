"""How the simulated clients' work is computed. Every engine gives the same numbers."""
