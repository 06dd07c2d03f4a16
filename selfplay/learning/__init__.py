"""The method: play, learn, measure, save, and repeat."""
