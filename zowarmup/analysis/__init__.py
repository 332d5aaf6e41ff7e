"""Tables, figures and claims. Reads files and never learns how a number was made; no torch here.

Which tables and figures there are stands in `zowarmup.config.registry`.
"""
