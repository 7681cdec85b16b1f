"""Runs code that nobody has read, isolated from this machine, and says whether it computes what was expected.

Everything outside this folder uses only the names below; what isolates, and how, may change behind them.
"""

from evaluation.sandbox.bubblewrap import open_sandbox
from evaluation.sandbox.interface import Candidate, Limits, OnDone, Outcome, Sandbox, Status

__all__ = ["Candidate", "Limits", "OnDone", "Outcome", "Sandbox", "Status", "open_sandbox"]
