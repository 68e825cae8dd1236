"""Frozen records by class syntax: `typing.NamedTuple` to a type checker, the same tuples without importing typing at run time.

typing takes 12 ms of every start (it brings re and contextlib), which is most of what an interpreter takes to start at all; and it compiles
each annotation that is text. Fields, defaults, methods and docstrings are written as for NamedTuple; a field's docstring below it is for readers.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:
    from collections import namedtuple

    _OF_THE_TUPLE = ("__annotations__", "__classcell__", "__module__", "__qualname__")

    class _Maker(type):
        """Turns a class body into a named tuple."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, object]) -> type:
            if not bases:  # Record itself
                return super().__new__(cls, name, bases, space)
            fields = space.get("__annotations__", {})
            defaults = [space[field] for field in fields if field in space]
            if list(fields)[len(fields) - len(defaults) :] != [field for field in fields if field in space]:
                message = f"{name}: fields with a default come last"
                raise TypeError(message)
            made = namedtuple(  # noqa: PYI024 - that one is what this module spares us
                name, fields, defaults=defaults, module=space["__module__"]
            )
            made.__annotations__ = fields
            made.__qualname__ = space["__qualname__"]
            for key, value in space.items():
                if key not in fields and key not in _OF_THE_TUPLE:
                    setattr(made, key, value)
            return made

    class Record(metaclass=_Maker):
        """The base of every record."""


__all__ = ["Record"]
