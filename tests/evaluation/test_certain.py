"""Code is certain where it is made of what is the same in every run alone."""

import pytest

from evaluation.certain import LONGEST, is_certain


@pytest.mark.parametrize(
    "body",
    [
        "return sorted(x for x in xs if x % 2 == 0)",
        "total = 0\n    for x in xs:\n        total += x\n    return total",
        'return "".join([str(x) for x in xs]).upper()',
        "return xs[0] if xs else None",
        "return {x: xs.count(x) for x in xs}",
        "return (lambda y: y * 2)(len(xs))",
        "return xs is None",
        'raise ValueError("no")',
        "return f'{max(xs, default=0)}'",
    ],
)
def test_plain_code_is_certain(body):
    assert is_certain(f"def solve(xs):\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "import random\n    return random.random()",
        "import time\n    return time.time()",
        "return hash(str(xs))",
        "return id(xs) % 2",
        "return list({str(x) for x in xs})",
        "return list(set(map(str, xs)))",
        "return list(frozenset(map(str, xs)))",
        "return xs is not xs",
        "return xs is 1000",
        "return open('/proc/uptime').read()",
        "return (1).__class__.__base__.__subclasses__()",
        "return __import__('os').getpid()",
        "return __builtins__",
        "return '{0.__class__}'.format(xs)",
        "return object()",
        "return repr(xs)",
        "return dir(xs)",
        "yield xs",
        "global now\n    return now",
        "return undefined(xs)",
        "return input()",
        "match xs:\n        case []:\n            return 1",
        "async def f():\n        await xs",
        "try:\n        return [0] * 10**12\n    except Exception:\n        return 0",
        "with xs as y:\n        return y",
        "class A:\n        pass",
    ],
)
def test_what_could_be_chance_is_not_certain(body):
    assert not is_certain(f"def solve(xs):\n    {body}\n")


def test_a_decorator_a_text_that_is_no_python_and_one_that_is_too_long_are_not_certain():
    assert not is_certain("def f(g):\n    return g\n\n@f\ndef solve(xs):\n    return xs\n")
    assert not is_certain("def solve(xs:\n")
    assert not is_certain(f"x = [{'1,' * LONGEST}]\n")
