"""Stop strings in a text that arrives in pieces. Pure: knows nothing of tokens."""


class StopFilter:
    """Lets text through up to the first stop string; holds back an end that may turn out to be the start of one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """The text that is now safe to show, and whether a stop string was met. After one, push no more."""
        if not self._stops:
            return text, False
        self._held += text
        found = [at for at in map(self._held.find, self._stops) if at >= 0]
        if found:
            shown, self._held = self._held[: min(found)], ""
            return shown, True
        safe = len(self._held) - self._undecided()
        shown, self._held = self._held[:safe], self._held[safe:]
        return shown, False

    def flush(self) -> str:
        """What was held back, once it is sure that nothing follows."""
        held, self._held = self._held, ""
        return held

    def _undecided(self) -> int:
        """The length of the longest end of the held text that begins a stop string."""
        longest = min(len(self._held), max(map(len, self._stops)) - 1)
        ends = (self._held[-size:] for size in range(longest, 0, -1))
        return next((len(end) for end in ends if any(stop.startswith(end) for stop in self._stops)), 0)
