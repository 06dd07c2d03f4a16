"""`selfplay analysis`: a player as the engine behind KaTrain and other programs that speak with
KataGo's analysis engine, one JSON object a line in and out (lightvector/KataGo,
docs/Analysis_Engine.md).

Queries are answered as they are finished, several positions being searched side by side. A query
that cannot be understood is answered with `error`, what is asked for and not done with `warning`,
each with the field. No query ends the server: whatever it raises, here or while it is searched, is
its answer.

Whose win rates. KataGo reports for the side that the setting `reportAnalysisWinratesAs` names:
BLACK in its analysis_example.cfg and in KaTrain's, SIDETOMOVE where nobody says. KaTrain asks for
BLACK in every query's `overrideSettings`, LizzieYzy for SIDETOMOVE. Here it is BLACK, who is the
first player, unless the query says otherwise.

What is not known. Our networks tell win rates, not points or owners. When a game is over, scoreLead
and ownership are those of its `final`; before that scoreLead is 0, and ownership is left out,
because the owners of a board on which play goes on are not what will become of it. Of
`overrideSettings` maxTime, maxVisits and reportAnalysisWinratesAs count; others are warned of.
"""

import math
import time
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import msgspec
import numpy as np

from games.game import Game, Position, for_side, win_rate
from native.perspective import FIRST, SECOND
from selfplay import __version__
from selfplay.faces import katago_query as queries
from selfplay.faces.gtp import Inbox, say
from selfplay.faces.katago_query import Query, Refused
from selfplay.faces.review import Request, ReviewSearch
from selfplay.matches.players import Player, SearchPlayer
from selfplay.messages import sentence
from selfplay.searching.result import MoveInfo, SearchResult, lower_bound, principal_variation

LONGEST_QUERY = 1 << 20  # bytes of a line
DIGITS = 6


def serve(
    game: Game,
    make_player: Callable[[Game], Player],
    input: int,
    output: TextIO,
    is_patient: bool = True,
) -> None:
    """Answer lines from a file descriptor until its end; what is being searched then is finished,
    if `is_patient`.

    `make_player` makes the player for a game, or raises ValueError if it does not play that one.
    """
    inbox, server = Inbox(input, LONGEST_QUERY), AnalysisServer(game, make_player, output)
    is_open = True
    while is_open or (server.jobs and is_patient):
        while is_open and (not server.jobs or inbox.has_line()):
            is_open = (line := inbox.line()) is not None
            if is_open:
                server.take(line)
                server.write()
        server.work()
        server.write()


@dataclass(eq=False)
class Job:
    """One position of a query."""

    query: Query
    turn: int
    position: Position
    review: ReviewSearch
    task: Request
    every: float  # seconds between two reports
    due: float  # when the next one is


class Terminate(msgspec.Struct, rename="camel"):
    terminate_id: str
    turn_numbers: list[int] | None = None


class TerminateAll(msgspec.Struct, rename="camel"):
    turn_numbers: list[int] | None = None


class AnalysisServer:
    """What was asked and is not answered yet, and who works on it: a review search for each
    board."""

    def __init__(self, game: Game, make_player: Callable[[Game], Player], output: TextIO):
        self.game, self.make_player, self.output = game, make_player, output
        self.jobs: list[Job] = []
        self.said: list[str] = []  # and not yet written
        self.analysts: dict[str, ReviewSearch] = {}
        self.review(game)  # whoever cannot play says so at once

    def say(self, answer: dict) -> None:
        self.said.append(msgspec.json.encode(answer).decode() + "\n")

    def write(self) -> None:
        """Write what was said. (Apart from the rest, so that an output that is closed is not taken
        for a query's fault.)"""
        said, self.said = self.said, []
        if said:
            say(self.output, "".join(said))

    def take(self, line: bytes) -> None:
        """Do what a line asks for, or begin it."""
        if not line.strip():
            return
        asked: dict = {}
        try:
            asked = decode(line)
            self.act(asked) if "action" in asked else self.begin(asked)
        except Exception as error:  # whatever it is: the other queries are to be answered
            self.fail(error, asked.get("id"))

    def work(self) -> None:
        """One batch step for each board that is being searched; reports and answers that are due
        then."""
        for review in [review for review in self.analysts.values() if review.is_busy]:
            try:
                self.advance(review)
            except Exception as error:  # a network that has diverged, no more memory, ...
                self.give_up(review, error)

    def advance(self, review: ReviewSearch) -> None:
        over, now = review.step(), time.monotonic()
        for job in [
            job for job in self.jobs if job.review is review and job.task.priors is not None
        ]:
            if job.task in over:
                self.finish(job)
            elif now >= job.due:
                job.due = now + job.every
                self.say(search_answer(job, review.result(job.task), True))

    def give_up(self, review: ReviewSearch, error: Exception) -> None:
        """A batch step has failed: the queries that it searched for end with that error, once each;
        those that wait are next."""
        jobs = [job for job in self.jobs if job.review is review]
        failed = {id(job.query): job.query for job in jobs if job.task.tree is not None}
        for job in [job for job in jobs if id(job.query) in failed or not failed]:
            review.drop(job.task)
            self.jobs.remove(job)
        for query in failed.values():
            self.fail(error, query.id)

    def fail(self, error: Exception, name: str | None) -> None:
        found = {"error": sentence(error)}
        if isinstance(error, Refused):
            found["field"] = error.field
        self.say(found | ({} if name is None else {"id": name}))

    # Queries

    def begin(self, asked: dict) -> None:
        query = queries.parse_query(asked)
        game = queries.board_of(query, self.game)
        review, urgencies = self.review(game), query.urgencies()
        positions = list(queries.positions(query, game))
        found = [
            self.job(query, turn, positions[turn], review, urgencies[turn]) for turn in query.turns
        ]
        warned = list(queries.warnings(query, asked, positions))
        answers = [last_answer(job) for job in found if job.task is None]
        for field, warning in warned:
            self.say({"warning": warning, "field": field, "id": query.id})
        for said in answers:
            self.say(said)
        for job in found:
            if job.task is not None:
                self.jobs.append(job)
                review.add(job.task)

    def job(
        self, query: Query, turn: int, position: Position, review: ReviewSearch, urgency: int
    ) -> Job:
        every, first = query.report_during_search_every, query.first_report_during_search_after
        due = time.monotonic() + (first or every or math.inf)
        task = None
        if position.outcome is None:
            simulations = max(1, query.visits(review.player.simulations) - 1)
            task = Request(
                position.state,
                simulations,
                query.seconds,
                urgency,
                queries.restriction(query, position.game),
            )
        return Job(query, turn, position, review, task, every or math.inf, due)

    def review(self, game: Game) -> ReviewSearch:
        if game.name not in self.analysts:
            try:
                player = self.make_player(game)
            except ValueError as error:
                raise Refused("boardXSize", str(error)) from None
            if not isinstance(player, SearchPlayer):
                raise ValueError(f"{player.name} does not search")
            self.analysts[game.name] = ReviewSearch(player)
        return self.analysts[game.name]

    def finish(self, job: Job) -> None:
        """The one answer that is not during the search: with what there is."""
        if job.task.priors is None:
            self.say(
                {
                    "id": job.query.id,
                    "turnNumber": job.turn,
                    "isDuringSearch": False,
                    "noResults": True,
                }
            )
        else:
            self.say(search_answer(job, job.review.result(job.task), False))
        job.review.drop(job.task)
        self.jobs.remove(job)

    # Actions: each is answered with itself, and more

    def act(self, asked: dict) -> None:
        if not isinstance(asked["action"], str) or asked["action"] not in ACTIONS:
            raise Refused("action", f"must be one of {', '.join(ACTIONS)}")
        self.say(asked | ACTIONS[asked["action"]](self, asked))

    def version(self, asked: dict) -> dict:
        return {"version": __version__, "git_hash": "<omitted>"}

    def models(self, asked: dict) -> dict:
        name = self.analysts[self.game.name].player.name
        return {"models": [{"name": name, "internalName": name, "usesHumanSLProfile": False}]}

    def clear_cache(self, asked: dict) -> dict:
        for review in self.analysts.values():
            review.clear_cache()
        return {}

    def terminate(self, asked: dict) -> dict:
        wanted = queries.convert(asked, Terminate)
        return self.stop(lambda job: job.query.id == wanted.terminate_id, wanted.turn_numbers)

    def terminate_all(self, asked: dict) -> dict:
        return self.stop(lambda job: True, queries.convert(asked, TerminateAll).turn_numbers)

    def stop(self, is_meant: Callable[[Job], bool], turns: list[int] | None) -> dict:
        chosen = None if turns is None else set(turns)
        for job in [
            job for job in self.jobs if is_meant(job) and (chosen is None or job.turn in chosen)
        ]:
            self.finish(job)
        return {}


ACTIONS: dict[str, Callable[[AnalysisServer, dict], dict]] = {
    "query_version": AnalysisServer.version,
    "query_models": AnalysisServer.models,
    "clear_cache": AnalysisServer.clear_cache,
    "terminate": AnalysisServer.terminate,
    "terminate_all": AnalysisServer.terminate_all,
}


def decode(line: bytes) -> dict:
    """The JSON object of a line, which has an id. ValueError with one sentence."""
    if len(line) > LONGEST_QUERY:
        raise ValueError(f"line too long: at most {LONGEST_QUERY} bytes")
    try:
        asked = msgspec.json.decode(line.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("id"), str):
        raise ValueError('a request is a JSON object with a text "id"')
    return asked


# What is answered


def search_answer(job: Job, result: SearchResult, is_during: bool) -> dict:
    """What a search has found, for the side that the query names."""
    query, position = job.query, job.position
    found = head(job, is_during)
    found["moveInfos"] = [move_info(job, move, n) for n, move in enumerate(result.ranked())]
    found["rootInfo"] = root_info(job, result.simulations + 1, result.mean_value, 0.0)
    if result.network_value is not None:
        found["rootInfo"]["rawWinrate"] = rate_for(job, result.network_value)
    if query.include_policy:
        found["policy"] = policy(position.game, job.task.priors)
    return found


def last_answer(job: Job) -> dict:
    """The answer for a game that is over: all is known."""
    query, position = job.query, job.position
    owners, score = position.final()
    found = head(job, False) | {
        "moveInfos": [],
        "rootInfo": root_info(job, 1, position.outcome, for_side(score, side_of(job))),
    }
    if query.include_policy:
        found["policy"] = policy(position.game, np.full(position.game.actions, -1.0))
    if query.include_ownership:
        found["ownership"] = for_side(owners.ravel(), side_of(job)).astype(int).tolist()
    return found


def head(job: Job, is_during: bool) -> dict:
    return {"id": job.query.id, "turnNumber": job.turn, "isDuringSearch": is_during}


def move_info(job: Job, move: MoveInfo, order: int) -> dict:
    game, mover, length = job.position.game, job.position.mover, job.query.analysis_pv_len
    win = win_rate(move.value, mover)
    bound = lower_bound(win, move.visits)
    if side_of(job) != mover:  # the mover's rates, as the other side sees them
        win, bound = 1.0 - win, 1.0 - bound
    found = {"move": game.format(move.action), "order": order, "visits": move.visits}
    found |= {"prior": round(move.prior, DIGITS)} | rates(win) | points(0.0)
    found |= {"lcb": round(bound, DIGITS), "utilityLcb": round(2.0 * bound - 1.0, DIGITS)}
    line, line_visits = principal_variation(job.review, move.action, job.task.tree)
    found["pv"] = [game.format(action) for action in line[:length]]
    # in a tree each position of a line is reached by the line alone
    if job.query.include_pv_visits:
        found["pvVisits"] = found["pvEdgeVisits"] = list(line_visits[:length])
    return found | no_result(job)


def root_info(job: Job, visits: int, value: float, lead: float) -> dict:
    """`value` is for the first player, `lead` for the side that the query names."""
    position = job.position
    found = {
        "currentPlayer": "BW"[position.mover],
        "visits": visits,
        "thisHash": f"{position.key:016X}",
    }
    return found | rates(rate_for(job, value)) | points(lead) | no_result(job)


def no_result(job: Job) -> dict:
    # no game of ours ends without a result
    return {"noResultValue": 0.0} if job.query.include_no_result_value else {}


def rates(win: float) -> dict:
    return {"winrate": round(win, DIGITS), "utility": round(2.0 * win - 1.0, DIGITS)}


def points(lead: float) -> dict:
    return {"scoreLead": lead, "scoreMean": lead, "scoreSelfplay": lead, "scoreStdev": 0.0}


def rate_for(job: Job, value: float) -> float:
    """The win rate of the side that the query names, from a value for the first player; a draw
    counts half."""
    return round(win_rate(value, side_of(job)), DIGITS)


def side_of(job: Job) -> int:
    """The side that the query names."""
    return {"BLACK": FIRST, "WHITE": SECOND, "SIDETOMOVE": job.position.mover}[
        job.query.perspective
    ]


def policy(game: Game, priors: np.ndarray) -> list[float]:
    """A number for each action, -1 for those that are not legal; games without a pass get one for
    it, as Go has."""
    found = [round(float(prior), DIGITS) for prior in priors]
    return found + [-1.0] * (game.cells + 1 - len(found))
