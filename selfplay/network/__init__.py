"""The network, its weights, and the backends that evaluate it. Knows shapes, not games."""
