"""Request → where it goes and what it costs: tables, classifier, choice. Pure, but for reading the tables."""

from router.choose.classifier import classify
from router.choose.cost import cost_usd, worst_cost_usd
from router.choose.decision import EVERYTHING, decide, why_not
from router.choose.nowhere import refusal_of
from router.choose.policies import estimate_usd
from router.choose.read import read_tables
from router.choose.room import room_tokens
from router.choose.snapshot import Access, Latency, Measured, Own, Snapshot, measured_of
from router.choose.tables import Candidate, Provider, Route, Secret, Tables

__all__ = [
    "EVERYTHING",
    "Access",
    "Candidate",
    "Latency",
    "Measured",
    "Own",
    "Provider",
    "Route",
    "Secret",
    "Snapshot",
    "Tables",
    "classify",
    "cost_usd",
    "decide",
    "estimate_usd",
    "measured_of",
    "read_tables",
    "refusal_of",
    "room_tokens",
    "why_not",
    "worst_cost_usd",
]
