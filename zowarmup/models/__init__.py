"""Networks, the flat view of their parameters, and the directions in which they are moved."""
