"""Pass a whole struct of arrays and scalars to a kernel as one pointer.

A forest is thirty arrays. Numba finds the type of each argument anew at every call, which takes as
long as a dozen simulations. `by_address` turns a NamedTuple class into one whose types are found
once, when an object is made.
"""

from typing import NamedTuple

import numpy as np
from numba import typeof, types
from numba.core.datamodel.models import TupleModel
from numba.extending import NativeValue, register_model, typeof_impl, unbox


class Address(NamedTuple):
    address: int


class Handle(Address):
    """What Numba sees of an object is its address; the content stands in attributes. (A tuple,
    because Numba knows the class of a tuple at once, and has to look any other object's up.)"""

    @classmethod
    def _to(cls, words: np.ndarray, content: dict) -> "Handle":
        """words: 8 bytes each, what lies at the address."""
        handle = tuple.__new__(cls, (words.ctypes.data,))
        vars(handle).update(content, _words=words, _names=tuple(content))
        return handle

    def _inside(self) -> np.ndarray:
        """The words that stand for this object inside another one."""
        return self._words

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"{name} stays what kernels know it to be; _replace makes another {type(self).__name__}"
        )

    def _asdict(self) -> dict:
        return {name: getattr(self, name) for name in self._names}

    def _replace(self, **changes) -> "Handle":
        return type(self)(**self._asdict() | changes)

    def __repr__(self) -> str:
        content = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({content})"

    def __reduce__(self):
        return type(self), tuple(self._asdict().values())


def by_address(fields: type) -> type:
    """Decorator of a NamedTuple class that holds arrays, numbers and other decorated objects:
    Python passes an object to a kernel as one pointer, and the kernel sees the named tuple.

    Numbers get the types of their annotations, truth values are 0 or 1. All objects of a class have
    one Numba type, so arrays must have the dtype, dimensions and layout of those in the first
    object, else TypeError. Arrays may change in place; fields cannot be set. Only kernels can
    unpack or compare such an object: in Python it is a tuple of one address. `declared` is the
    NamedTuple class.
    """
    known = {}  # name -> Numba's type of it

    class Held(Handle):
        declared = fields

        def __new__(cls, *values, **more):
            content = fields(*values, **more)._asdict()
            for name, value in content.items():
                kept = isinstance(value, (np.ndarray, Handle))
                content[name] = value if kept else fields.__annotations__[name](value)
                if known.setdefault(name, type_of(content[name])) != type_of(content[name]):
                    raise TypeError(
                        f"{cls.__name__}.{name} is {known[name]}, not {type_of(content[name])}"
                    )
            return cls._to(np.concatenate([words_of(value) for value in content.values()]), content)

    for name in ("__module__", "__qualname__", "__name__", "__doc__"):
        setattr(Held, name, getattr(fields, name))
    typeof_impl.register(Held)(lambda value, context: HandleType(Held, known))
    return Held


def words_of(value) -> np.ndarray:
    """i64: a number; or a nested object's words; or Numba's array struct: meminfo and parent (both
    null), nitems, itemsize, data, shape, strides."""
    if isinstance(value, Handle):
        return value._inside().view(np.int64)
    if isinstance(value, float):
        return np.array([value]).view(np.int64)
    if isinstance(value, int):
        return np.array([value], np.int64)
    words = [0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]
    return np.array(words, np.int64)


def type_of(value) -> types.Type:
    return types.int64 if isinstance(value, int) else typeof(value)


class HandleType(types.NamedTuple):
    """A named tuple to all but the code that takes it over from Python."""

    def __init__(self, made_by: type, content: dict[str, types.Type]):
        self.fields, self.types, self.count = tuple(content), tuple(content.values()), len(content)
        self.instance_class = made_by
        types.Type.__init__(
            self, f"{made_by.__name__} at an address ({', '.join(map(str, self.types))})"
        )


@register_model(HandleType)
class HandleModel(TupleModel):
    pass


def unbox_address(handle, c):
    """LLVM's pointer to what lies at a handle's address, of which a word is an i8*."""
    address = c.pyapi.object_getattr_string(handle, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return pointer


@unbox(HandleType)
def unbox_handle(typ, handle, c):
    pointer = c.context.get_value_type(typ).as_pointer()
    return NativeValue(c.builder.load(c.builder.bitcast(unbox_address(handle, c), pointer)))
