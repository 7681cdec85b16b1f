"""Small programs that between them hold all that Python does with names; each runs by itself."""

# Nothing in these branches, so every chain happens.
STRAIGHT = [
    "a = 1\nb = a\na = b + a\nc, (d, *e) = a, (b, a)\nprint_ = [c, d, e]\ndel c\n",
    "def f(x, y=2, *z, k=3, **w):\n    x += y\n    q = w, z, k\n    x, q = q, x\n    return x, q\nf(1, 2, 3, m=4)\n",
    "import os\nimport os.path as p\nfrom math import pi as q\nr = os, p, q\n",
    "class A:\n    x = 1\n    y = x\n    x = y\nclass B(A):\n    pass\nb = B\n",
    "def f():\n    a: int = 1\n    a = a\n    b = (c := a) + c\n    return f'{b} {a:{c}}'\nf()\n",
    "a = [1]\na[0] = a\na.append(a)\nb = a = a\nc = b, a\n",
    "def d(f):\n    return f\n@d\ndef g(a=d):\n    return a\ng()\n",
    "def f():\n    t = [x for x in (1, 2)]\n    u = [k + v for k, v in [(1, 2)] if k]\n    return t, u\nf()\n",
]
BRANCHING = {
    "conditions": """
def f(n):
    if n > 2:
        a = n
    elif n:
        a = -n
    else:
        b = n
        a = b
    c = a if n else n
    return a + c
for i in range(4):
    f(i)
""",
    "short circuits that store": """
def f(n):
    x = 0
    y = 0
    if n and (x := n) > 1 or (y := n):
        return x, y
    z = n or (x := 5)
    w = (y := 1) if n else x
    q = 0 < n < (x := 9)
    return x, y, z, w, q
for i in range(3):
    f(i)
""",
    "loops": """
def f(n):
    last = None
    for i in range(n):
        if i == 1:
            continue
        if i == 4:
            break
        last = i
    else:
        last = n, last
    k = 0
    while k < n:
        k += 1
        if k > 3:
            break
    else:
        k = last
    return last, k
for j in range(6):
    f(j)
""",
    "a loop that never ends by itself": """
def f(n):
    x = 0
    while True:
        x += 1
        if x > n:
            break
        y = x
    return x if n < 1 else y
f(0); f(3)
""",
    "exceptions": """
def f(n):
    x = 1
    try:
        x = 2
        1 // n
        x = 3
        [][n]
        x = 4
    except ZeroDivisionError as e:
        y = x, e
    except IndexError:
        y = x
        x = 5
    else:
        y = x
    return x, y
f(0); f(1)
""",
    "finally, on every way out": """
def f(n):
    for i in range(3):
        x = i
        try:
            if n == 0:
                return x
            if n == 1:
                break
            if n == 2:
                continue
            if n == 3:
                raise KeyError(x)
            x = 10
        finally:
            y = x
            x = 20 + y
    z = x
    return z
for k in range(5):
    try:
        f(k)
    except KeyError:
        pass
""",
    "finally in finally": """
def f(n):
    x = 0
    try:
        try:
            x = 1
            if n: return x
            1 // n
        finally:
            try:
                x = x + 1
                [][n]
            except IndexError:
                x = -x
            finally:
                y = x
    except ZeroDivisionError:
        x = y
    return x, y
f(0); f(1)
""",
    "a return that finally overrides": """
def f(n):
    x = n
    while x < 5:
        try:
            x += 1
            return x
        finally:
            x += 2
            if x < 5:
                continue
            break
    return x
f(0); f(4)
""",
    "exceptions that are raised again": """
def f(n):
    x = 0
    try:
        try:
            x = 1
            raise [KeyError, ValueError, OSError][n]
        except KeyError:
            x = 2
            raise
        except ValueError as e:
            x = e
            raise OSError from e
    except (KeyError, OSError):
        return x
f(0); f(1); f(2)
""",
    "the name of an exception is forgotten": """
def f(n):
    e = 0
    try:
        1 // n
    except ZeroDivisionError as e:
        a = e
    try:
        return e
    except UnboundLocalError:
        e = 5
    return e
f(0); f(1)
""",
    "exception groups": """
def f(kinds):
    x = 0
    y = 0
    try:
        x = 1
        raise ExceptionGroup("", [kind() for kind in kinds])
    except* KeyError as e:
        x = 2, e
        y = x
    except* ValueError:
        x = 3, x
        if len(kinds) > 2:
            raise OSError(x)
    return x, y
for kinds in [[KeyError], [ValueError], [KeyError, ValueError], [KeyError, ValueError, OSError], [OSError]]:
    try:
        f(kinds)
    except ExceptionGroup:
        pass
""",
    "with": """
import contextlib
def f(n):
    x = 0
    with contextlib.suppress(KeyError) as s, contextlib.nullcontext(n) as m:
        x = m
        if n == 1:
            raise KeyError
        if n == 2:
            return x
        x = 5
    return x, s
for i in range(4):
    f(i)
""",
    "match": """
class P:
    __match_args__ = ("a", "b")
    def __init__(self, a, b):
        self.a, self.b = a, b
def f(v):
    x = y = rest = None
    match v:
        case (
            [x, 0]
            | [0, x]
        ):
            r = x
        case [x, *rest] if rest:
            r = x, rest
        case {"k": y, **more}:
            r = y, more
        case P(a=1, b=y) | P(y, 2):
            r = y
        case str() as s:
            r = s
        case x if x == 5:
            r = x
        case _:
            r = x, y, rest
    return r, x
for v in [[1, 0], [0, 2], [1, 2], [3], {"k": 1, "l": 2}, P(1, 3), P(4, 2), P(5, 6), "s", 5, 6]:
    f(v)
""",
    "closures": """
def f(n):
    x = 1
    def g():
        return x
    def h():
        nonlocal x
        x = 9
        x += 1
    a = g()
    x = 2
    b = g()
    h()
    c = x
    k = lambda z=c: z + x + a
    x = b
    return k()
f(1)
""",
    "globals": """
count = 0
def bump():
    global count
    count += 1
    return count
def read():
    return count
bump()
count = read()
count = 7
bump(); read()
""",
    "comprehensions": """
def f(n):
    rows = [[i * j for j in range(i)] for i in range(n) if i]
    flat = {v for row in rows for v in row}
    d = {k: v for k, v in zip(flat, flat)}
    g = (k + n for k in d)
    n = 10
    return list(g), [last := v for v in flat], d
f(4)
""",
    "a name that a comprehension leaves": """
def f(values):
    prev = 0
    out = [(prev, prev := v) for v in values]
    if any((hit := v) > 2 for v in values):
        return hit, prev
    return out, prev
f([1, 2, 3]); f([]); f([1])
""",
    "generators": """
def g(n):
    got = None
    try:
        while n:
            got = yield got, n
            n -= 1
    except KeyError:
        n = got
        yield n
    finally:
        end = n
    return end
for send in (None, 1):
    it = g(3)
    next(it)
    it.send(send)
    try:
        it.throw(KeyError())
        next(it)
    except StopIteration:
        pass
it = g(1); next(it); it.close()
""",
    "coroutines": """
import asyncio
class C:
    async def __aenter__(self): return 1
    async def __aexit__(self, *a): return True
async def items(n):
    for i in range(n):
        yield i
async def f(n):
    t = 0
    async for i in items(n):
        t += i
    else:
        e = t
    async with C() as c:
        t = c
        1 // n
        t = e
    x = [j async for j in items(n) if j]
    await asyncio.sleep(0)
    return t, x
asyncio.run(f(0)); asyncio.run(f(2))
""",
    "asserts": """
def f(n):
    m = n
    try:
        assert n, (m := 5)
        assert m > 1, m
    except AssertionError:
        return m
    return n
f(0); f(1); f(2)
""",
    "constants": """
def f(n):
    x = n
    if 0:
        x = 1
    if __debug__:
        y = x
    while 1:
        z = y
        break
    w = (0 and x) or z
    return w, y if True else x
f(3)
""",
    "deleted names": """
def f(n):
    x = n
    if n:
        del x
        x = 2
    y = x
    for i in range(2):
        if i:
            del y
        else:
            y = y
    return x
f(0); f(1)
""",
    "class bodies": """
def f(n):
    k = n
    class A:
        if n:
            x = k
        else:
            x = 0
        y = x
        for i in range(n):
            y = i, y
        def m(self):
            return k
        z = [k for _ in range(2)]
    k = 3
    return A().m()
f(0); f(2)
""",
    "updates": """
def f(n):
    a = [0]
    i = 0
    for v in range(n):
        a[i] += v
        i += (i := 0)
        a += [v]
        b = c = a
        b, c = c, b
    return a, i
f(0); f(3)
""",
    "a finally that several ways share": """
def f(n):
    x = 0
    try:
        pass
    finally:
        try:
            pass
        finally:
            try:
                x = 1
            finally:
                try:
                    x = x + 1
                    if n == 1: return x
                    if n == 2: raise KeyError
                finally:
                    y = x
                    x = y
    return x
for n in range(3):
    try: f(n)
    except KeyError: pass
""",
}
