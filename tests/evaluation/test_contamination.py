"""Whether tasks stand in the training data, as text and under other names."""

import textwrap

import pytest

from analysis.likeness import function_digests
from analysis.overlap import Document
from evaluation.contamination import TaskText, clean_subset, find_contamination
from evaluation.suites.records import Score

TASK = TaskText(
    "sum-of-squares",
    "Return the sum of the squares of all even numbers in the given list, counting each one twice",
    '''def squares(numbers: list[int]) -> int:
    """Adds up."""
    total = 0
    for number in numbers:
        if number % 2 == 0:
            total += 2 * number**2  # twice
    return total
''',
)
RENAMED = """
def zzz(xs):
    acc = 0
    for x in xs:
        if x % 2 == 0:
            acc += 2 * x ** 2
    return acc
"""


def found(*texts: str, tasks: tuple[TaskText, ...] = (TASK,)):
    return find_contamination(tasks, [Document(str(number), text) for number, text in enumerate(texts)])


def test_thirteen_words_of_a_task_contaminate_it_and_twelve_do_not():
    thirteen = "SUM of the squares -- of all even numbers\n in the given list counting"
    told = found(f"x = 1  # {thirteen}")
    assert [(one.task, one.document, one.kind) for one in told.overlaps] == [("sum-of-squares", "0", "words")]
    assert found(f"x = 1  # {thirteen.removesuffix(' counting')}").overlaps == ()


def test_numbers_in_a_row_contaminate_nothing():
    numbers = TaskText("n", ", ".join(map(str, range(50))), "")
    assert found(numbers.text, tasks=(numbers,)).overlaps == ()


def test_the_suites_own_phrasing_contaminates_no_task():
    tasks = tuple(TaskText(f"task{letter}", TASK.text, "") for letter in "abc")
    assert found(TASK.text, tasks=tasks).overlaps == ()
    assert found(TASK.text, tasks=tasks[:2]).contaminated == ("taska", "taskb")


def test_a_solution_under_other_names_contaminates():
    told = found("x = 1", f"class A:\n    def b(self):\n        pass\n{RENAMED}")
    assert [(one.task, one.document, one.kind, one.text) for one in told.overlaps] == [
        ("sum-of-squares", "1", "tree", "zzz")
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("2 == 0", "2 == 1"), ("acc += 2", "acc -= 2"), ("return acc", "return xs")]
)
def test_another_program_does_not(before, after):
    assert before in RENAMED
    assert found(RENAMED.replace(before, after)).overlaps == ()


def test_built_ins_and_attributes_are_no_names_to_exchange():
    code = "def f(a):\n    b = len(a)\n    for c in range(b):\n        a.append(c + b * 2)\n    return a, b, a[0] + 1\n"
    assert function_digests(code) == function_digests(code.replace("a", "a"))
    digest = function_digests(code)[0][1]
    assert function_digests(code.replace("b", "bb"))[0][1] == digest
    assert function_digests(code.replace("len(", "sum("))[0][1] != digest
    assert function_digests(code.replace(".append(", ".remove("))[0][1] != digest


def test_small_functions_are_alike_by_chance_and_not_compared():
    assert function_digests("def f(x):\n    return x + 1\n") == []


def test_documents_that_are_no_python_are_counted_and_their_words_compared():
    told = found("def broken(", f"{TASK.text} (", "\x00")
    assert told.unparsed == 3
    assert told.documents == 3
    assert told.contaminated == ("sum-of-squares",)


NAMES = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda my ny xi omicron pi rho sigma tau ypsilon"


def shares(text: str, *, share: float):
    """What is found of a task of twenty words."""
    return find_contamination([TaskText("t", "", NAMES)], [Document("d", text)], share=share)


def test_of_the_same_source_a_task_counts_where_one_text_holds_most_of_it():
    most, less = " ".join(NAMES.split()[:18]), " ".join(NAMES.split()[:17])
    assert shares(f"so {most} then", share=0.9).contaminated == ("t",)
    told = shares(f"so {less} then", share=0.9)
    assert (told.contaminated, told.touched, told.share) == ((), 1, 0.9)
    assert shares(f"so {less} then", share=0.0).contaminated == ("t",)


def test_a_task_that_begins_as_many_others_do_is_found_whole():
    tasks = [TaskText(f"t{end}", "", f"{NAMES} {end} {NAMES[::-1]}") for end in "abc"]
    told = find_contamination(tasks, [Document("d", tasks[1].solution)], share=1.0)
    assert told.contaminated == ("tb",)


def test_letters_that_split_in_lower_case_shift_no_place():
    told = shares(f"{'İşte ' * 30}{NAMES}", share=1.0)
    assert told.overlaps[0].text == NAMES


def test_it_tells_how_many_tasks_overlap_in_which_way():
    told = found(TASK.text, RENAMED)
    assert told.kinds == {"words": 1, "tree": 1}
    assert told.contaminated == ("sum-of-squares",)


@pytest.mark.parametrize(
    "other",
    [
        RENAMED.replace("def zzz(xs)", "async def zzz(xs: list) -> int"),
        RENAMED.replace("acc = 0", "acc: int = 0"),
        RENAMED.replace("def zzz(xs):", "@cache\ndef zzz(xs):\n    'Says why.'"),
        f"class A:\n    if True:\n        class B:\n{textwrap.indent(RENAMED, '            ')}",
    ],
)
def test_what_a_program_does_not_rest_on_makes_no_difference(other):
    assert found(other).contaminated == ("sum-of-squares",)


def test_keywords_of_calls_are_no_names_to_exchange():
    code = "def f(a):\n    b = sorted(a, key=len)\n    c = max(b, default=0)\n    return [b, c, a, b, c, a]\n"
    assert function_digests(code.replace("default", "standard")) != function_digests(code) != []


def test_clean_scores_stand_beside_the_full_ones():
    scores = [Score(id=id, sample=0, result="pass", detail="", generation="") for id in ("sum-of-squares", "clean")]
    assert [score.id for score in clean_subset(scores, found(RENAMED))] == ["clean"]
    assert len(clean_subset(scores, found("x = 1"))) == 2
