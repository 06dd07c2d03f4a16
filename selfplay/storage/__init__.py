"""What is on disk: games, checkpoints and run folders, each written whole and read with
suspicion."""
