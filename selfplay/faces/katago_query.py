"""What a query of KataGo's analysis engine asks for: its fields, read strictly, and the positions
it names.

Black is the first player. In games with passes either colour may move at any time, and behind the
end that the rules see. `avoidMoves` and `allowMoves` bind the search as deep as they say.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

import games
from games.game import Game, Position
from games.quoting import quoted
from native.perspective import FIRST, SECOND
from selfplay.faces import game_record
from selfplay.faces.game_record import Setup
from selfplay.faces.gtp_arguments import COLOURS, MOST_PLIES
from selfplay.messages import one_line

OUR_RULES = ("tromp-taylor", "chinese-ogs", "chinese-kgs")
OUR_RULE = {
    "scoring": "AREA",
    "ko": "POSITIONAL",
    "tax": "NONE",
    "suicide": False,
    "hasButton": False,
}
LARGEST_KOMI = 150.0  # KataGo's
MOST_VISITS = 1 << 50
PERSPECTIVES = ("BLACK", "WHITE", "SIDETOMOVE")
PositiveInt = Annotated[int, Meta(ge=1)]
Int32 = Annotated[int, Meta(ge=-(2**31) + 1, le=2**31 - 1)]  # KataGo's bounds of a priority
Size = Annotated[int, Meta(ge=2)]
Seconds = Annotated[float, Meta(ge=0.001)]


class Refused(ValueError):
    """What is wrong with a query, and in which of its fields."""

    def __init__(self, field: str, message: str):
        super().__init__(message)
        self.field = field


class Restriction(msgspec.Struct, rename="camel"):
    player: str
    moves: list[str]
    until_depth: PositiveInt


class Query(msgspec.Struct, rename="camel"):
    """The fields that are used here, as docs/Analysis_Engine.md describes them."""

    id: str
    moves: list[tuple[str, str]]
    rules: str | dict
    board_x_size: Size
    board_y_size: Size
    komi: Annotated[float, Meta(ge=-LARGEST_KOMI, le=LARGEST_KOMI)] | None = None
    initial_stones: list[tuple[str, str]] = []
    initial_player: str | None = None
    analyze_turns: list[Int32] | None = None
    max_visits: PositiveInt | None = None
    priority: Int32 = 0
    priorities: list[Int32] | None = None
    include_policy: bool = False
    include_ownership: bool = False
    include_ownership_stdev: bool = False
    include_moves_ownership: bool = False
    include_moves_ownership_stdev: bool = False
    include_no_result_value: bool = False
    include_pv_visits: bool = msgspec.field(default=False, name="includePVVisits")
    analysis_pv_len: PositiveInt | None = msgspec.field(default=None, name="analysisPVLen")
    report_during_search_every: Seconds | None = None
    first_report_during_search_after: Seconds | None = None
    avoid_moves: list[Restriction] = []
    allow_moves: list[Restriction] = []
    override_settings: dict = {}

    @property
    def turns(self) -> list[int]:
        return (
            sorted(set(self.analyze_turns)) if self.analyze_turns is not None else [len(self.moves)]
        )

    @property
    def perspective(self) -> str:
        """Whose win rates are reported."""
        return str(self.override_settings.get("reportAnalysisWinratesAs", "BLACK")).upper()

    @property
    def seconds(self) -> float:
        return setting(self, "maxTime", math.inf)

    def visits(self, usual: int) -> int:
        """The visits of the whole search: the root's own evaluation is one, as in KataGo."""
        return self.max_visits or int(min(setting(self, "maxVisits", usual), MOST_VISITS))

    def urgencies(self) -> dict[int, int]:
        """Turn -> priority; of a turn that is named twice, the first."""
        if self.priorities is None:
            return dict.fromkeys(self.turns, self.priority)
        return dict(reversed(list(zip(self.analyze_turns, self.priorities))))


OWNERSHIP = (
    "includeOwnership",
    "includeOwnershipStdev",
    "includeMovesOwnership",
    "includeMovesOwnershipStdev",
)
SETTINGS = {"maxTime", "maxVisits", "reportAnalysisWinratesAs"}
QUERY_FIELDS = {field.encode_name for field in msgspec.structs.fields(Query)}


def parse_query(asked: dict) -> Query:
    """The query of a JSON object. Refused with the field and one sentence."""
    query = convert(asked, Query)
    if query.analyze_turns == []:
        raise Refused("analyzeTurns", "names no turn")
    for turn in query.analyze_turns or []:
        if not 0 <= turn <= len(query.moves):
            raise Refused(
                "analyzeTurns",
                f"invalid turn number {turn}: the query has {len(query.moves)} moves",
            )
    if query.priorities is not None and len(query.priorities) != len(query.analyze_turns or []):
        raise Refused("priorities", "must be as many as analyzeTurns")
    if query.priorities is not None and "priority" in asked:
        raise Refused("priorities", "cannot be given together with priority")
    if query.priorities is not None and query.analyze_turns is None:
        raise Refused("priorities", "analyzeTurns is missing")
    if query.perspective not in PERSPECTIVES:
        raise Refused(
            "overrideSettings", f"reportAnalysisWinratesAs must be one of {', '.join(PERSPECTIVES)}"
        )
    if query.avoid_moves and query.allow_moves:
        raise Refused("allowMoves", "cannot be given together with avoidMoves")
    if setting(query, "maxVisits", 1) % 1:
        raise Refused("overrideSettings", "maxVisits must be a whole number")
    if not query.seconds > 0 or query.visits(1) < 1:
        raise Refused("overrideSettings", "maxTime and maxVisits must be above 0")
    return query


def convert(asked: dict, kind: type):
    """A JSON object as a Struct of that kind; Refused, by the field's name, where it does not
    fit."""
    try:
        return msgspec.convert(asked, kind)
    except msgspec.ValidationError as error:
        message, _, place = one_line(str(error)).partition(" - at ")
        field = re.search(r"\$\.(\w+)", place) or re.search(r"field `(\w+)`", message)
        raise Refused(field[1] if field else "", message) from None


def setting(query: Query, name: str, usual: float) -> float:
    value = query.override_settings.get(name, usual)
    if not isinstance(value, bool):
        try:
            with suppress(TypeError, ValueError):
                if not math.isnan(number := float(value)):  # KataGo takes texts too
                    return number
        except OverflowError:  # a whole number of hundreds of digits
            raise Refused("overrideSettings", f"{name} is out of range") from None
    told = quoted(value, 20) if isinstance(value, str) else f"one of type {type(value).__name__}"
    raise Refused("overrideSettings", f"{name} must be a number, not {told}")


def warnings(query: Query, asked: dict, positions: list[Position]) -> Iterator[tuple[str, str]]:
    """(field, sentence) of what is asked for and not done. `positions` are those after each number
    of moves."""
    if "komi" in positions[0].game.options and not is_our_rule(query.rules):
        yield "rules", "not played here: area scoring, positional superko and no suicide are"
    if any(positions[turn].outcome is None for turn in query.turns):
        for name in OWNERSHIP:
            if asked.get(name):
                yield name, "left out: owners are known when the game is over"
    if query.komi and "komi" not in positions[0].game.options:
        yield "komi", f"{positions[0].game.title} has none"
    if others := sorted(query.override_settings.keys() - SETTINGS):
        yield "overrideSettings", "not used here: " + one_line(", ".join(others))
    for field in sorted(asked.keys() - QUERY_FIELDS):
        yield one_line(field), "not used here"


def is_our_rule(rules: str | dict) -> bool:
    if isinstance(rules, str):
        return rules.lower().replace("_", "-") in OUR_RULES
    return all(rules.get(name, value) == value for name, value in OUR_RULE.items())


def board_of(query: Query, game: Game) -> Game:
    """The query's board, of the given game's family."""
    columns, rows = query.board_x_size, query.board_y_size
    if (game.columns, game.rows) == (columns, rows):
        return game
    family, _ = games.GAMES.get(game.name, ("", None))
    if columns != rows or f"{family}{columns}" not in games.GAMES:
        raise Refused("boardXSize", f"{game.title} cannot be played on {columns} x {rows}")
    larger, options = games.load(f"{family}{columns}"), game.options
    return larger.with_options(
        **{name: options[name] for name in larger.options if name in options}
    )


def positions(query: Query, game: Game) -> Iterator[Position]:
    """After each number of the query's moves, from none on. Refused where a move is not legal."""
    position = start_of(query, game)
    yield position
    for number, (player, word) in enumerate(query.moves):
        side, action = side_named("moves", player), action_named("moves", game, word)
        try:
            move = game_record.allowed(position, side, action)
        except ValueError as error:
            # KaTrain knows "Illegal move"
            raise Refused("moves", f"Illegal move {number}: {word} ({error})") from None
        position = game_record.after(position, move, {})
        yield position


def start_of(query: Query, game: Game) -> Position:
    options = {"komi": query.komi} if query.komi is not None and "komi" in game.options else {}
    stones = [
        (side_named("initialStones", player), action_named("initialStones", game, word))
        for player, word in query.initial_stones
    ]
    black, white = (
        tuple(cell for owner, cell in stones if owner == side) for side in (FIRST, SECOND)
    )
    if stones and max(cell for _, cell in stones) >= game.cells:
        raise Refused("initialStones", "a stone needs a point")
    first = first_mover(query, game, bool(black and not white))
    try:
        return Setup(options, black, white, first).start(game)
    except ValueError as error:
        raise Refused(
            "initialStones" if stones else "initialPlayer", str(error).partition("\n")[0]
        ) from None


def first_mover(query: Query, game: Game, is_handicap: bool) -> int:
    """Who moves first: who is named; else who does; else White after Black's stones."""
    if query.initial_player is not None:
        return side_named("initialPlayer", query.initial_player)
    if game.setup is None:
        return FIRST
    return (
        side_named("moves", query.moves[0][0]) if query.moves else SECOND if is_handicap else FIRST
    )


def restriction(query: Query, game: Game) -> np.ndarray | None:
    """What avoidMoves or allowMoves bind: i32[2, A], see `native.search.forest.restrict`; None if
    there is none."""
    field = "allowMoves" if query.allow_moves else "avoidMoves"
    restrictions = query.allow_moves or query.avoid_moves
    if not restrictions:
        return None
    avoid_until, sides = np.zeros((2, game.actions), np.int32), set()
    for each in restrictions:
        side, named = side_named(field, each.player), np.zeros(game.actions, bool)
        if query.allow_moves and side in sides:
            raise Refused(field, "may be given once for each player")  # as in KataGo
        sides.add(side)
        named[[action_named(field, game, word) for word in each.moves]] = True
        avoided = ~named if query.allow_moves else named
        avoid_until[side, avoided] = np.maximum(
            avoid_until[side, avoided], min(each.until_depth, MOST_PLIES)
        )
    return avoid_until


def side_named(field: str, word: str) -> int:
    if word.lower() not in COLOURS:
        raise Refused(field, f"{quoted(word, 20)} is no player: B and W are")
    return COLOURS[word.lower()]


def action_named(field: str, game: Game, word: str) -> int:
    """The action of a move's text: as the game writes it, or "(x,y)", column and row from 0 at the
    top left."""
    if numbers := re.fullmatch(r"\(\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*\)", word.strip()):
        column, row = map(int, numbers.groups())
        if (
            column >= game.columns
            or row >= game.rows
            or game.layout.kind != "cells"
            or game.layout.planes != 1
        ):
            raise Refused(field, f"{word[:20]!r} is no move of {game.title}")
        return row * game.columns + column
    try:
        return game.parse(word)
    except ValueError:
        raise Refused(field, f"{quoted(word, 20)} is no move of {game.title}") from None
