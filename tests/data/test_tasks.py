"""Completions, bodies and docstrings, tool calls and plans: what is asked can be answered from what is given."""

import json
import sysconfig
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from data.examples import LeftOut, TaskConfig, examples_of
from data.files import CodeFile
from data.tasks.plans import ModuleImports, PlanConfig, module_of, order_of, plans
from hone.config import load_config
from hone.errors import ConfigError
from hone.records import Example
from tests.data.making import code_file

LIBRARY = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::9]
SAMPLES = Path(__file__).parents[1] / "analysis" / "samples"


def made(file: CodeFile, **tasks: object) -> list[Example]:
    left_out: LeftOut = defaultdict(Counter)
    return list(examples_of(file, TaskConfig.model_validate({"docstring_to_body": None, **tasks}), left_out))


def test_docstring_to_body_alone_is_the_default() -> None:
    text = 'def pay(value):\n    """Do pay."""\n    return value\n'
    (example,) = examples_of(code_file(text), TaskConfig(), Counter())
    assert (example.task, example.prompt) == ("docstring-to-body", 'def pay(value):\n    """Do pay."""\n')


def test_a_body_of_another_language_is_asked_for_with_its_comment_above() -> None:
    text = "package till\n\n// Pay pays.\n// At once.\nfunc Pay(sum int) int {\n\treturn sum\n}\n"
    (example,) = made(code_file(text, "till.go", "go"), docstring_to_body={"context_lines": 0})
    assert example.prompt == "// Pay pays.\n// At once.\nfunc Pay(sum int) int {"
    assert example.completion == "\n\treturn sum\n}\n"


def test_a_docstring_is_asked_for_behind_the_code_without_it() -> None:
    docstring = '"""Pay in full.\n\n        At once.\n        """'
    text = f"class Till:\n    def pay(self, value):\n        {docstring}\n        return value\n"
    (example,) = made(code_file(text), body_to_docstring={})
    assert example.prompt == 'def pay(self, value):\n    return value\n\n# The docstring of `Till.pay`:\n"""'
    assert example.completion == 'Pay in full.\n\nAt once."""\n'


def test_a_comment_is_asked_for_in_other_languages() -> None:
    text = "// Pay pays.\nfunc Pay(sum int) int {\n\treturn sum\n}\n"
    (example,) = made(code_file(text, "till.go", "go"), body_to_docstring={})
    assert example.prompt.endswith("\treturn sum\n}\n\n// What `Pay` does:\n")
    assert example.completion == "// Pay pays.\n"


def test_a_completion_begins_with_a_statement_and_ends_its_function() -> None:
    count = 0
    for path in LIBRARY:
        text = path.read_text(errors="replace")
        for example in made(code_file(text, path.name), completion={"max_prompt_chars": 10**7}):
            lines = text.split("\n")[: example.origin.last_line]
            assert example.prompt + example.completion == "\n".join(lines) + "\n"
            assert example.prompt.endswith("\n")
            assert example.completion.strip()
            count += 1
    assert count > len(LIBRARY)


def test_a_completion_never_begins_within_brackets_or_strings() -> None:
    text = 'def f():\n    g(\n        1,\n        2,\n    )\n    """\n    text\n    """\n    return 1\n'
    cuts = {made(code_file(text, f"{n}.py"), completion={})[0].completion.split("\n")[0] for n in range(60)}
    assert cuts == {'    """', "    return 1"}


def test_a_share_takes_the_same_functions_as_others_come() -> None:
    one = "".join(f'def f{n}():\n    """Do {n} well."""\n    return {n}\n' for n in range(60))
    more = one + "".join(f'def g{n}():\n    """Do {n} well."""\n    return {n}\n' for n in range(60))
    few, many = (
        {example.entry_point for example in made(code_file(text), docstring_to_body={"share": 0.5})}
        for text in (one, more)
    )
    assert 15 < len(few) < 45
    assert {name for name in many if name[0] == "f"} == few


TOOLS = '''
from typing import Literal, Optional


def pay(sum: int, to: str, kind: Literal["cash", "card"] = "cash", notes: Optional[list[str]] = None) -> bool:
    """Pay a sum to somebody. Needs money.

    Args:
        sum: In whole euros.
        to: Who gets it.
    """
    return True


def refund(share: float, urgent: bool) -> None:
    """Give a part of the sum back.

    :param share: from 0 to 1
    """


def untyped(x):
    """Do something with that."""


def opaque(x: "Till") -> None:
    """Do something with a till."""
'''


def conversations() -> list[Example]:
    return [one for n in range(80) for one in made(code_file(TOOLS, f"{n}.py"), tool_calls={})]


def test_typed_and_documented_functions_alone_are_tools() -> None:
    names = {tool["function"]["name"] for example in conversations() for tool in example.tools}
    assert names == {"pay", "refund"}


def test_a_tool_is_described_by_types_and_docstring() -> None:
    tool = next(tool for example in conversations() for tool in example.tools if tool["function"]["name"] == "pay")
    assert tool["function"]["description"] == "Pay a sum to somebody."
    assert tool["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "sum": {"type": "integer", "description": "In whole euros."},
            "to": {"type": "string", "description": "Who gets it."},
            "kind": {"type": "string", "enum": ["cash", "card"]},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["sum", "to"],
    }


def test_a_call_has_what_is_required_with_values_of_the_right_types_that_the_request_names() -> None:
    kinds = {"integer": int, "string": str, "number": float, "boolean": bool, "array": list}
    for example in conversations():
        request, answer = example.turns
        described = {tool["function"]["name"]: tool["function"]["parameters"] for tool in example.tools}
        for call in answer.calls:
            schema = described[call.name]
            assert set(schema["required"]) <= set(call.arguments) <= set(schema["properties"])
            for name, value in call.arguments.items():
                assert type(value) is kinds[schema["properties"][name]["type"]]
                said = {True: "yes", False: "no"}[value] if isinstance(value, bool) else json.dumps(value).strip("[]")
                assert isinstance(value, list) or f"{said} for the {name}" in request.content


def test_some_requests_fit_no_tool_and_some_need_two_calls() -> None:
    calls = Counter(len(example.turns[1].calls) for example in conversations())
    assert calls[1] > calls[0] > 5
    assert calls[1] > calls[2] > 5
    for example in conversations():
        if not example.turns[1].calls:
            assert example.turns[1].content.startswith("None of my tools can do that. I have `")
            assert example.entry_point not in {tool["function"]["name"] for tool in example.tools}


def module(path: str, text: str) -> ModuleImports:
    found = module_of(code_file(text, path))
    assert found
    return found


SHOP = [
    module("src/shop/__init__.py", ""),
    module("src/shop/errors.py", "import os\n"),
    module("src/shop/money.py", "from .errors import Broke\nfrom shop import errors\n"),
    module("src/shop/till.py", "import shop.money\nfrom shop.errors import Broke as B\n"),
    module("src/shop/app.py", "from . import till\nfrom shop.money import Euro\n"),
]


def test_a_plan_comes_after_all_that_it_imports() -> None:
    examples = list(plans(SHOP, PlanConfig(min_files=3, max_files=5)))
    assert examples
    for example in examples:
        order = [line.split("`")[1] for line in example.turns[1].content.split("\n")]
        listed = dict(line[2:].split(" imports ") for line in example.turns[0].content.split("\n") if line[:2] == "- ")
        assert sorted(order) == sorted(path.strip("`") for path in listed)
        for path, imported in listed.items():
            for other in imported.split("`")[1::2]:
                assert order.index(other) < order.index(path.strip("`"))


def test_imports_of_any_form_are_told_by_the_file_that_they_mean() -> None:
    (example,) = [
        one for one in plans(SHOP, PlanConfig(min_files=3, max_files=3)) if one.origin.path.endswith("till.py")
    ]
    assert "- `src/shop/till.py` imports `src/shop/errors.py`, `src/shop/money.py`" in example.turns[0].content
    assert example.turns[1].content.split("\n") == [
        "1. `src/shop/errors.py`: imports none of the others",
        "2. `src/shop/money.py`: after 1",
        "3. `src/shop/till.py`: after 1, 2",
    ]


def test_modules_that_import_each_other_in_a_circle_have_no_order() -> None:
    assert order_of({"a": ["b"], "b": ["a"], "c": []}) == []
    circle = [module("a.py", "import b"), module("b.py", "import c"), module("c.py", "import a")]
    assert not list(plans(circle, PlanConfig()))


def test_what_is_no_python_has_no_module() -> None:
    assert module_of(code_file("x", "a.js", "javascript")) is None
    assert module_of(code_file("def", "a.py")) is None


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            "fill: {levels: {line: 0, node: 0, character: 0}}",
            "one of `character`, `line` and `node` must be more than 0",
        ),
        ("fill: {min_middle_chars: 9, max_middle_chars: 3}", "`min_middle_chars` is more than `max_middle_chars`"),
        ("plans: {min_files: 9}", "`min_files` is more than `max_files`"),
        ("fils: {}", "unknown key; did you mean `fill`"),
        ("completion: {share: 2}", "less than or equal to 1"),
    ],
)
def test_a_wrong_value_is_one_clear_line(tmp_path: Path, tasks: str, message: str) -> None:
    (tmp_path / "tasks.yaml").write_text(tasks)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "tasks.yaml", TaskConfig)
