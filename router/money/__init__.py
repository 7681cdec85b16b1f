"""Who may use the router, how much, and what it cost: keys, limits, ledger, feedback and the cache of answers.

`keys` finds the key of a token, `local` and `shared` hold its limits, `ledger` keeps every request, `usage` sums them
up, `feedback` joins what people thought of an answer, `cache` answers what was asked before. The request path imports
neither SQLAlchemy nor Redis: threads and commands do, when they need them.
"""
