"""Files with random damage, for tests of what must hold for every file."""


def damaged(source, chance, pieces, *, edits=12, cuts=range(21)):
    """A source in which, up to `edits` times, so many bytes as one of `cuts` give way to one of the pieces."""
    mutated = bytearray(source)
    for _ in range(chance.randint(1, edits)):
        at = chance.randrange(len(mutated) + 1)
        mutated[at : at + chance.choice(cuts)] = chance.choice(pieces)
    return bytes(mutated)
