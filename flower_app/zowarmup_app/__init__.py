"""The thin modules that Flower starts."""
