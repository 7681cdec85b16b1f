"""Stage `gate`: the evidence, the policy and the champion's own evidence → artifacts/gate/verdict.json."""

import time
from collections.abc import Callable

from hone.config import load_config
from hone.errors import DigestMismatch
from hone.files import sha256_tree
from hone.layout import Layout
from hone.records import Evidence, Verdict, read_record, write_record
from hone.settings import Settings
from pipelines.timing import record_stage_seconds
from registry.gate import Policy, decide
from registry.server import ensure_server


def judge(layout: Layout, settings: Settings, *, clock: Callable[[], float] = time.time) -> Verdict:
    """Decides and writes the verdict. Raises `DigestMismatch` where the adapter is not the one that was measured."""
    policy = load_config(layout.root / "configs" / "gate.yaml", Policy)
    evidence = read_record(layout.evaluation / "evidence.json", Evidence)
    if sha256_tree(layout.adapter) != evidence.adapter_digest:
        raise DigestMismatch(f"`{layout.adapter}` is not the adapter that was evaluated; run `hone repro`")
    uri = ensure_server(layout, settings)

    from registry.store import Store  # imports MLflow, which must find its settings made

    verdict = decide(evidence, policy, Store(uri).champion_evidence(settings.registry.model_name), now=clock())
    write_record(layout.gate / "verdict.json", verdict)
    record_stage_seconds(layout, "gate")
    return verdict
