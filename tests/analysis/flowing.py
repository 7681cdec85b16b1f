"""The control flow of a small program as tests state it: which lines lead to which."""

from analysis import parse


def flowing(source, language, name="f"):
    """Edges as `lines kind lines`, without those of exceptions that leave it; then the lines that nothing reaches."""
    module = parse(source, language)
    graph = module.cfg(name)
    names = {graph.exit: "out", graph.raised: "raised"}
    for block in graph.blocks:
        if block.index not in names:
            lines = [str(module.source[: step.start].count(b"\n") + 1) for step in block.steps]
            names[block.index] = ",".join(dict.fromkeys(lines)) or ("in" if block.index == graph.entry else "nothing")
    reachable = graph.reachable()
    return [
        f"{names[edge.source]} {edge.kind} {names[edge.target]}"
        for edge in graph.edges
        if edge.target != graph.raised and reachable[edge.source]
    ] + [f"never {names[at]}" for at, reached in enumerate(reachable) if not reached and graph.blocks[at].steps]


def assert_whole(module):
    """What holds for the flow of every file, however broken."""
    for graph in module.flows:
        count = len(graph.blocks)
        assert [block.index for block in graph.blocks] == list(range(count))
        assert not graph.blocks[graph.exit].steps
        assert not graph.blocks[graph.raised].steps
        for edge in graph.edges:
            assert 0 <= edge.source < count
            assert 0 <= edge.target < count
            assert edge.source not in (graph.exit, graph.raised)
        for block in graph.blocks:
            for step in block.steps:
                assert graph.start <= step.start <= step.end <= len(module.source)
                assert all(step.start <= end and start <= end for start, end in step.spans)


def chains(source, language, name="f"):
    """Each definition with the lines of the uses that it reaches: `name line: lines`."""
    module = parse(source, language)
    flow = module.dataflow(name)

    def line(place):
        return module.source[: place.start].count(b"\n") + 1

    def used(one):
        return " ".join(str(line(use)) for use in sorted(flow.uses_of(one), key=line))

    definitions = sorted(flow.definitions, key=lambda one: one.start)
    return [f"{one.name} {line(one)}: {used(one)}".rstrip(": ") for one in definitions]
