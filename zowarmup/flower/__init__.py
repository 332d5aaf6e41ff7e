"""Real clients: ZOWarmUp as an app of Flower, on the functions that training and replay use."""
