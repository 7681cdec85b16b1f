"""The shipped files as a team has them that holds every key, and small worlds of their own."""

from pathlib import Path

import pytest

from router.choose import Tables, read_tables

ROOT = Path(__file__).parents[3]
NOW = 1_795_700_000.0  # 2026-11-26
KEYS = dict.fromkeys(
    ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "DEEPSEEK_API_KEY", "GROQ_API_KEY"), "sk-secret"
)


@pytest.fixture(scope="session")
def shipped() -> Tables:
    return read_tables(ROOT / "configs", KEYS, now=NOW)
