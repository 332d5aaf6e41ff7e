"""Tables, figures and claims, made from result files alone; this package does not import torch."""
