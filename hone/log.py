"""Structured logs to stderr: short text lines at a terminal, JSON elsewhere (or as `HONE_LOG` says)."""

import logging
import os
import sys

import structlog


def configure_logging() -> None:
    """Sets structlog up for this process. `HONE_LOG_LEVEL` chooses the level (default: warning)."""
    level = getattr(logging, os.environ.get("HONE_LOG_LEVEL", "warning").upper(), logging.WARNING)
    form = os.environ.get("HONE_LOG", "text" if sys.stderr.isatty() else "json")
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever stderr is by then
    )
