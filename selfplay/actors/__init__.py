"""Who plays the games, and where: in this process or, with Ray, in others."""
