"""The rules' binary interface: what a game supplies to the compiled core.

A position is a run of bytes, `uint8[S]`. The core copies those bytes and never looks inside; a game
reads them through `overlay(state, DTYPE)`, which names the fields of a structured dtype in place,
without a copy or a reference count.

A game supplies the seven functions of `Rules`, each compiled by `@rule(SIGNATURE)`. Their
signatures are shared by all games, so the core takes them as first-class function arguments and is
compiled once for every game there will ever be.

Laws, proved for any game by `games.laws`:

* `legal` lists actions in ascending order and is empty exactly when the game is over.
* `play` applies a legal action and returns the outcome for the FIRST player in [-1, 1], or
  `GOES_ON` (NaN).
* Playing on after the end changes nothing and returns the outcome again. Rules never raise.
"""

from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numpy as np
from numba import types
from numba.core import sigutils
from numba.core.ccallback import CFunc
from numba.core.cgutils import create_struct_proxy
from numba.core.types import FunctionType
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    is_jitted,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array

from native.machine.code_cache import stored
from native.machine.compile import kernel
from native.machine.struct_argument import Handle, unbox_address

GOES_ON = np.nan  # what `play` returns while the game is not over
NO_LOG = np.iinfo(np.int64).max  # a position has none: it begins behind all positions

STATE = types.Array(types.uint8, 1, "C")
START = types.void(STATE, types.Array(types.float64, 1, "C"))
LEGAL = types.int64(STATE, types.Array(types.int32, 1, "C"))
PLAY = types.float64(STATE, types.int64)
MOVER = types.int64(STATE)
OBSERVE = types.void(STATE, types.Array(types.float32, 2, "C"), types.Array(types.float32, 1, "C"))
KEY = types.uint64(STATE)
FINAL = types.float64(STATE, types.Array(types.int8, 1, "C"))


FUNCTIONS = {
    "start": START,
    "legal": LEGAL,
    "play": PLAY,
    "mover": MOVER,
    "observe": OBSERVE,
    "key": KEY,
    "final": FINAL,
}


class Rules(Handle):
    """A game's compiled functions.

    start(state, options f64[K])            write the first position; options: numbers such as komi
    legal(state, actions_out i32[A]) -> n   legal actions, ascending
    play(state, action) -> outcome          apply a legal action
    mover(state) -> 0 | 1                   who moves: 0 is the first player
    observe(state, planes_out f32[P, C],    the network's input, from the mover's side
            scalars_out f32[K])
    key(state) -> u64                       hash of all that the network sees
    final(state, owner_out i8[C]) -> score  owner of each cell (+1 first player, -1 second,
                                            0 nobody), and the score

    A long game may keep a log, such as the history that superko needs, at the end of its position.
    From the byte `log` on `play` only appends, and the log's length is stored before it. A
    simulation restores only the bytes before the log; stale entries are never read.
    """

    def __new__(cls, start, legal, play, mover, observe, key, final, log=NO_LOG):
        functions = dict(
            zip(FUNCTIONS, (start, legal, play, mover, observe, key, final), strict=True)
        )
        words = [*(function.address for function in functions.values()), log]
        return cls._to(np.array(words, np.uint64), functions | {"log": log})

    def _inside(self) -> np.ndarray:
        return np.array([self.address], np.uint64)  # kernels look each function up behind it


# How kernels take `Rules`: as the address of seven addresses, from which `rules.play` becomes a
# first-class function again, and a number. Numba could take a tuple of seven functions, but looks
# each of them up anew at every call: 125 us, which is as long as 128 small trees need for a batch
# step.


class RulesType(types.Type):
    def __init__(self):
        super().__init__(name="Rules")


RULES = RulesType()


@register_model(RulesType)
class RulesModel(models.OpaqueModel):
    pass


@typeof_impl.register(Rules)
def type_of_rules(value, context):
    return RULES


@unbox(RulesType)
def unbox_rules(typ, rules, c):
    return NativeValue(unbox_address(rules, c))


@infer_getattr
class RulesAttributes(AttributeTemplate):
    key = RulesType

    def generic_resolve(self, rules, name):
        return (
            FunctionType(FUNCTIONS[name])
            if name in FUNCTIONS
            else types.int64
            if name == "log"
            else None
        )


@lower_getattr_generic(RulesType)
def function_of_rules(context, builder, typ, rules, name):
    if name == "log":
        words = builder.bitcast(rules, context.get_value_type(types.int64).as_pointer())
        return builder.load(builder.gep(words, [context.get_constant(types.intp, len(FUNCTIONS))]))
    addresses = builder.bitcast(rules, context.get_value_type(types.voidptr).as_pointer())
    index = context.get_constant(types.intp, list(FUNCTIONS).index(name))
    # its other fields are null
    function = create_struct_proxy(FunctionType(FUNCTIONS[name]))(context, builder)
    function.c_addr = builder.load(builder.gep(addresses, [index]))
    return function._getvalue()


def rule(signature):
    """Decorator: compile a game's function for the core, cached on disk beside the game's own file.

    Numba's cache knows a function by its file and qualified name, and looks for edits in that file
    alone. One file may be run as several modules, one a board size, and a game may call compiled
    functions of other files; so the module's name and a digest of those files are made part of the
    function's name, by which each finds its own and none a stale one.
    """

    def compile_rule(function):
        digest = helpers_digest(function.__globals__)
        function.__qualname__ = f"{function.__module__}.{function.__qualname__}.{digest}"
        arguments, result = sigutils.normalize_signature(signature)
        compiled = CFunc(function, (arguments, result), locals={}, options={"error_model": "numpy"})
        compiled._cache = stored(function)  # as `numba.cfunc` does it, but for where the cache is
        compiled.compile()
        return compiled

    return compile_rule


def helpers_digest(namespace: dict) -> str:
    """The digest of the files, other than its own, whose compiled functions a module names.

    Files that hold constants only, no compiled function, are not looked at: let rules take none
    from there.
    """
    own = namespace.get("__file__")
    files = {own}
    find_helpers(namespace, files)
    sources = [Path(file).read_bytes() for file in sorted(files - {own})]
    return sha256(b"\0".join(sources)).hexdigest()[:8]


def find_helpers(namespace: dict, files: set[str]) -> None:
    """Add to `files` those of compiled functions in the namespace, or in modules there, and of all
    that these name."""
    for value in list(namespace.values()):
        names = (
            vars(value)
            if isinstance(value, ModuleType)
            else getattr(origin(value), "__globals__", {})
        )
        if (
            (file := names.get("__file__"))
            and file not in files
            and any(map(origin, list(names.values())))
        ):
            files.add(file)
            find_helpers(names, files)


def origin(value):
    """The Python function of a compiled function or an intrinsic, None of anything else."""
    return (
        value.py_func
        if is_jitted(value)
        else value.__wrapped__
        if isinstance(value, type(overlay))
        else None
    )


@intrinsic
def overlay(typingctx, state, dtype):
    """Read and write the bytes of `state` as one record of the structured dtype; no copy is made.

    The dtype must be a module-level constant whose itemsize is the state's length (`align=True`
    keeps fields aligned).
    """
    record = dtype.dtype

    def codegen(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        return builder.bitcast(array.data, context.get_value_type(record))

    return record(state, dtype), codegen


# Python cannot call a function of `Rules` by itself; these are its hands.


@kernel
def call_start(rules, state, options):
    rules.start(state, options)


@kernel
def call_legal(rules, state, actions_out):
    return rules.legal(state, actions_out)


@kernel
def call_play(rules, state, action):
    return rules.play(state, action)


@kernel
def call_mover(rules, state):
    return rules.mover(state)


@kernel
def call_observe(rules, state, planes_out, scalars_out):
    rules.observe(state, planes_out, scalars_out)


@kernel
def call_key(rules, state):
    return rules.key(state)


@kernel
def call_final(rules, state, owner_out):
    return rules.final(state, owner_out)
