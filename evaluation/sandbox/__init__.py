"""Runs code that nobody has read, isolated from this machine, and says whether it computes what was expected.

Everything outside this folder uses only the names below; what isolates, and how, may change behind them.
"""

from evaluation.sandbox.engine import Engine, open_engine
from evaluation.sandbox.interface import Candidate, Check, Limits, OnDone, Outcome, Sandbox, Status
from evaluation.sandbox.probe import open_sandbox

__all__ = [
    "Candidate",
    "Check",
    "Engine",
    "Limits",
    "OnDone",
    "Outcome",
    "Sandbox",
    "Status",
    "open_engine",
    "open_sandbox",
]
