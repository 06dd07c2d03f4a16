"""The search algorithm: MCTS with PUCT or Gumbel selection over trees in flat arrays."""
