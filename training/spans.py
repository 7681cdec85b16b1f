"""What an encoded example is: token ids, and which of them are trained on."""

from hone.records import Record

Spans = tuple[tuple[int, int], ...]  # of token places, ends excluded, in order and apart


class Encoded(Record, frozen=True):
    """One example as token ids. Those within `trained` are learnt, the others are given."""

    ids: tuple[int, ...]
    trained: Spans

    @property
    def trained_tokens(self) -> int:
        """How many labels it has."""
        return sum(end - start for start, end in self.trained)
