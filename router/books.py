"""What one worker holds of money, opened together: keys, limits, ledger, feedback and the cache of answers."""

import os

from router.breaker import Breakers
from router.money.breakers import SharedBreakers
from router.money.cache import AnswerCache
from router.money.database import Database
from router.money.feedback import Feedback
from router.money.keys import OPEN, Key, Keyring, refuse_open_beyond_loopback, refuse_unshared_limits
from router.money.ledger import Ledger
from router.money.limits import Limiter
from router.money.local import LocalLimiter
from router.money.master import read_master_key
from router.money.shared import RedisLimiter
from router.options import Options


class Books:
    """One worker's. `open` before the first request, `close` after the last."""

    def __init__(self, options: Options) -> None:
        self._options = options
        options.folder.mkdir(parents=True, exist_ok=True)
        url = os.environ.get("HONE_ROUTER_DATABASE") or options.database
        url = url or f"sqlite:///{options.folder / 'router.db'}"
        self._redis = os.environ.get("HONE_ROUTER_REDIS") or options.redis
        self._database = Database(url)
        self.ledger = Ledger(self._database, options.folder / "journal", keep_days=options.keep_days)
        self.keyring = Keyring(self._database, master=read_master_key(os.environ))
        self.feedback = Feedback(self._database, self.ledger)
        self.cache = AnswerCache(largest_bytes=options.cache_bytes, keep_s=options.cache_s)
        local = LocalLimiter()
        fallback = local if options.without_redis == "local" else None
        self._remote = RedisLimiter(self._redis, self.ledger.spent, fallback=fallback) if self._redis else None
        self.limiter: Limiter = self._remote or local
        self._local = local
        self._shared: SharedBreakers | None = None

    async def open(self, breakers: Breakers) -> None:
        """Raises `RouterError` where the database cannot be used, or everybody would be let in from outside."""
        self.ledger.start()
        self.keyring.load()
        refuse_open_beyond_loopback(self._options.host, self.keyring)
        refuse_unshared_limits(self._options.workers, self._redis or None, self.keyring)
        self.keyring.watch()
        self._local.seed(self.ledger.spent())
        if self._redis:
            self._shared = SharedBreakers(self._redis)
            await self._shared.start()
            breakers.on_change(self._tell)
        if self._remote is not None:
            await self._remote.start()

    async def close(self) -> None:
        """Writes what is left of the ledger."""
        if self._remote is not None:
            await self._remote.close()
        if self._shared is not None:
            await self._shared.close()
        self.keyring.close()
        self.ledger.close()
        self._database.close()

    def share_breakers(self, breakers: Breakers, now: float) -> None:
        """Takes over what other workers found."""
        if self._shared is not None:
            for hop, span_s in self._shared.open_for().items():
                breakers.hear(hop, now + span_s, "another worker found it failing")

    def find(self, token: str) -> Key | None:
        """The key of a token; None: it is no valid one."""
        keyring = self.keyring
        return OPEN if keyring.open else keyring.find(token)

    def _tell(self, hop: tuple[str, str], span_s: float) -> None:
        if self._shared is not None:
            if span_s > 0:
                self._shared.opened(hop, span_s)
            else:
                self._shared.closed(hop)
