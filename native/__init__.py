"""The compiled core: trees, search, playouts, exact solver, and the interface through which rules reach them.

Knows no particular game and imports nothing of `games` or `selfplay`. Read in this order: `abi` (what a game supplies),
`frame` (for whom a value is), `forest` (the trees' memory), `puct` and `gumbel` (which action to try next), `search`
(the waves: descend, absorb, choose), `selfplay` (games that play themselves through those waves).
"""
