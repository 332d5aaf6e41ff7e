"""Networks, their flat parameter vector, and the directions along which it moves."""
