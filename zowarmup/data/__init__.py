"""What the clients hold: data sets, their partition into clients, tiers. numpy only."""
