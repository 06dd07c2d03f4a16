"""Search from Python: many positions at once, one position for as long as one likes, and clocks."""
