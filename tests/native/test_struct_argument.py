"""Arrays and numbers handed to kernels by one address are what they were in Python."""

import pickle
from typing import NamedTuple

import numpy as np
import pytest

from native import abi
from native.machine.compile import inline, kernel
from native.machine.struct_argument import by_address
from native.search.params import PUCT, SearchParams


@by_address
class Things(NamedTuple):
    flag: bool
    table: np.ndarray
    number: float
    count: int = 7
    line: np.ndarray = np.zeros(4)


@by_address
class Others(NamedTuple):
    """The same names, other types."""

    flag: bool
    table: np.ndarray
    number: int
    count: float = 7
    line: np.ndarray = np.zeros(4)


def things(kind=Things) -> Things:
    dtype = np.int16 if kind is Things else np.float32
    return kind(True, np.arange(6, dtype=dtype).reshape(2, 3), 2, line=np.zeros(4))


@inline
def read_into(things, out):
    out[0] = 1.0 if things.flag else 0.0
    out[1] = things.number
    out[2] = things.count
    out[3] = things.table[1, 2]
    out[4] = things.table.shape[1]
    out[5] = len(things.line)
    things.line[3] = 9.0


@kernel
def read(things, out):
    read_into(things, out)


@pytest.mark.parametrize("kind", [Things, Others])
def test_a_kernel_reads_what_python_put_in_and_writes_what_python_sees(kind):
    given, out = things(kind), np.zeros(6)
    read(given, out)
    assert out.tolist() == [1.0, 2.0, 7.0, 5.0, 3.0, 4.0]
    assert given.line.tolist() == [0.0, 0.0, 0.0, 9.0]


def test_numbers_are_what_their_annotations_say_and_arrays_what_the_first_were():
    assert isinstance(things().number, float) and isinstance(things(Others).count, float)
    with pytest.raises(TypeError, match="Things.table is .*int16.* not .*int32"):
        things()._replace(table=np.zeros((2, 3), np.int32))
    with pytest.raises(TypeError, match="Things.table"):
        things()._replace(table=np.zeros((2, 6), np.int16)[:, ::2])


def test_content_is_not_replaced_behind_the_kernels_back():
    with pytest.raises(AttributeError, match="_replace"):
        things().number = 3.0


def test_the_content_lives_as_long_as_its_handle():
    given, out = things(), np.zeros(6)
    changed = given._replace(count=3)
    del given
    for _ in range(100):
        np.ones(64)  # would take over what was given back
    read(changed, out)
    assert out[2:4].tolist() == [3.0, 5.0]


def test_settings_are_shown_and_sent_by_what_they_say():
    settings = SearchParams(PUCT, lcb=5.0)
    assert "lcb=5.0" in repr(settings) and repr(settings).startswith("SearchParams(kind=0")
    assert pickle.loads(pickle.dumps(settings))._asdict() == settings._asdict()
    assert settings._replace(lcb=0.0)._asdict() == SearchParams(PUCT)._asdict()


def test_of_rules_the_seven_functions_lie_at_the_address_in_their_order(connect4):
    rules = connect4.rules
    where = [getattr(rules, name).address for name in abi.FUNCTIONS]
    assert (
        where
        == np.ctypeslib.as_array(
            (np.ctypeslib.ctypes.c_uint64 * 7).from_address(rules.address)
        ).tolist()
    )


@by_address
class Both(NamedTuple):
    """An object in an object, between others."""

    count: int
    things: Things
    rules: abi.Rules
    number: float


@kernel
def read_both(both, state, out):
    count, things, rules, number = both
    read_into(things, out)
    out[6], out[7], out[8] = count, number, rules.mover(state)


def test_an_object_in_another_is_what_it_is_alone(tictactoe):
    given, state, out = things(), tictactoe.start_state(), np.zeros(9)
    abi.call_play(tictactoe.rules, state, 4)
    read_both(Both(3, given, tictactoe.rules, 0.5), state, out)
    assert out.tolist() == [1.0, 2.0, 7.0, 5.0, 3.0, 4.0, 3.0, 0.5, 1.0]
    assert given.line[3] == 9.0
