"""How far the jobs of a config are."""
