"""Data of the clients: data sets, their partition into clients, tiers. numpy only."""
