"""ZOWarmUp: warm up with the clients that can backpropagate, then train with all by forward passes.

An independent reproduction of arXiv 2509.03503, not affiliated with its authors.
"""

__version__ = "0.1.0"
