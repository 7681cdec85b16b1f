"""A module."""

import os
from math import (
    pi,
    tau,
)

# About area.
AREA = pi  # a trailing comment


class Shape:
    """A shape.

        With more.
    """

    @property
    def area(self) -> float:
        '''How large.'''
        def inner():
            return tau
        return inner()


# What a comment says of it.
async def fetch(url):
    return os.path.join(url)
