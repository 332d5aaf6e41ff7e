"""Zeroth-order phases that stand the variance of the estimate, beyond the paper."""
