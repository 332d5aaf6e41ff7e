"""Tables, figures and claims, from files alone: the analysis imports no torch."""
