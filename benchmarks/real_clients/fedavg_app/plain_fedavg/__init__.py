"""Flower's FedAvg, with nothing of zowarmup.flower."""
