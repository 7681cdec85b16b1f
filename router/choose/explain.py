"""A decision as a person reads it: what was asked, what decided, who is asked in which order, who is not and why."""

from collections.abc import Iterator

from router.choose.classifier import score
from router.choose.policies import estimate_usd
from router.choose.snapshot import Snapshot
from router.kinds import Asked, Decision, Hop, Policy

BY: dict[Policy, str] = {
    "tiered": "in the order of the route",
    "cheapest": "the cheapest first, of those that are good enough",
    "fastest": "the fastest first, as measured",
    "weighted": "by the shares of our versions, then in the order of the route",
    "quality": "the best first, of those that the route can afford",
}
ASSUMED_OUTPUT = 500  # tokens, where neither client nor route says
INDENT = "          "


def explain(asked: Asked, decision: Decision, snapshot: Snapshot) -> str:
    """Several lines, with a final newline."""
    return "\n".join([*_head(asked, decision), *_hops(asked, decision, snapshot), *_tail(decision)]) + "\n"


def _head(asked: Asked, decision: Decision) -> Iterator[str]:
    needs = [
        word
        for needed, word in (
            (asked.tools, "tools"),
            (asked.images, "images"),
            (asked.json_output, "a JSON schema"),
            (asked.suffix, "filling in the middle"),
        )
        if needed
    ]
    limit = f"at most {asked.max_output_tokens:,}" if asked.max_output_tokens else "no limit"
    yield f"asked     {asked.door}, {f'model `{asked.model}`' if asked.model else 'no model'}"
    wanted = f", needs {' and '.join(needs)}" if needs else ""
    yield f"{INDENT}about {asked.input_tokens:,} tokens in, {limit} out{wanted}"
    if decision.named == "classified" and decision.capability:
        yield f"decided   {decision.capability}, by {_signals(asked)}"
    elif decision.named:
        yield f"decided   {decision.named}, as the client says"
    if decision.policy:
        yield f"policy    {decision.policy}: {BY[decision.policy]}"


def _signals(asked: Asked) -> str:
    if asked.suffix:
        return "the suffix"
    if asked.door == "completions":
        return "the door"
    if asked.tools:
        return "the tools"
    votes = sorted(score(asked.text).items(), key=lambda vote: -vote[1])
    shown = ", ".join(f"{capability} {points:.1f}" for capability, points in votes[:3] if points > 0)
    return f"the words: {shown}" if shown else "default: no word speaks for anything else"


def _hops(asked: Asked, decision: Decision, snapshot: Snapshot) -> Iterator[str]:
    width = max((len(_name(hop)) for hop in decision.hops), default=0)
    for number, hop in enumerate(decision.hops, start=1):
        word = {1: "asks", 2: "then"}.get(number, "")
        yield f"{word:<8}{number:>2}  {_name(hop):<{width}}  {_facts(asked, decision, hop, snapshot)}"


def _facts(asked: Asked, decision: Decision, hop: Hop, snapshot: Snapshot) -> str:
    facts = []
    if hop.verdict:
        facts.append(f"the gate {hop.verdict} it")
    for place in snapshot.tables.models.get(hop.model, ()):
        quality = place.quality.get(decision.capability) if decision.capability else None
        if place.hop.key == hop.key and quality is not None:
            facts.append("quality not measured" if quality != quality else f"quality {quality:.3f}")  # noqa: PLR0124
    if hop.prices:
        output = asked.max_output_tokens or ASSUMED_OUTPUT
        facts.append(f"about ${estimate_usd(hop, asked.input_tokens, output):.6f}")
    else:
        facts.append("free")
    measured = snapshot.latency.get(hop.key)
    if measured is not None:
        facts.append(f"first token after {measured.first_token_s:.2f} s")
    return ", ".join(facts)


def _tail(decision: Decision) -> Iterator[str]:
    width = max((len(f"{drop.provider}/{drop.model}") for drop in decision.dropped), default=0)
    for number, drop in enumerate(decision.dropped):
        yield f"{'not' if number == 0 else '':<12}{f'{drop.provider}/{drop.model}':<{width}}  {drop.reason}"
    for note in decision.notes:
        yield f"note      {note}"
    if decision.nowhere:
        yield f"refused   {decision.nowhere.status} {decision.nowhere.code}: {decision.nowhere.message}"


def _name(hop: Hop) -> str:
    return f"{hop.provider}/{hop.model}"
