"""The compiled core: trees, search, playouts, exact solver, and the interface through which rules
reach them.

It knows no particular game and imports nothing of `games` or `selfplay`. Read in this order: `abi`
(what a game supplies), `perspective` (for whom a value is), `search.forest` (the memory of the
trees), `search.puct` and `search.gumbel` (which action to try next), `search.mcts` (a batch step:
select leaves, evaluate, expand and back up), `search.choice` (what a complete search says),
`episodes` (games that play themselves by such steps). `machine` can be skipped.
"""
