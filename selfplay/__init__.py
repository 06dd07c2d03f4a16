"""Self-play learning after AlphaZero: search amplifies the network, learning distils the search,
and both are measured."""

__version__ = "0.1.0"
