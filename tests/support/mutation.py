"""Takes a rule out of the product for the length of a with block: one text in one function's source is replaced.

The code object is exchanged in place, so that it does not matter who imported the function under which name.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def changed(function: Callable[..., Any], *changes: tuple[str, str]) -> Iterator[None]:
    """changes: what the source says, once, and what it is to say instead."""
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in changes:
        assert source.count(old) == 1, f"{function.__qualname__} says {old!r} {source.count(old)} times"
        source = source.replace(old, new)
    original = function.__code__
    function.__code__ = _compiled(function, source, original.co_freevars)
    try:
        yield
    finally:
        function.__code__ = original


def _compiled(function: Callable[..., Any], source: str, closed_over: tuple[str, ...]) -> Any:
    names = "".join(f"    {name} = None\n" for name in closed_over)
    wrapped = f"def outer():\n{names}{textwrap.indent(source, '    ')}\n    return {function.__name__}\n"
    scope: dict[str, Any] = {}
    exec(wrapped, function.__globals__, scope)
    code = scope["outer"]().__code__
    assert code != function.__code__, "nothing was changed"
    return code
