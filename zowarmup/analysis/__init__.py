"""Tables, figures and claims. Reads files and never learns how a number was made; no torch here.

`zowarmup.config.registry` lists the tables and figures.
"""
