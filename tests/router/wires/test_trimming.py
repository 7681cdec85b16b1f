"""What is left out of a conversation that is too long, and what never is."""

import json

import pytest

from router.wires import read_request, trim_oldest

LONG = "word " * 200
SYSTEM = {"role": "system", "content": "Be brief."}


def user(text=LONG):
    return {"role": "user", "content": text}


def assistant(text=LONG):
    return {"role": "assistant", "content": text}


CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "1", "content": LONG}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look", "input": {}}]}
USED = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": LONG}]}


def read(turns, door="chat", **more):
    return read_request(door, json.dumps({"model": "m", "messages": turns, "max_tokens": 9, **more}).encode())


def left(turns, room, door="chat"):
    """What is left of the turns, and how many are gone; None where nothing helps."""
    trimmed = trim_oldest(read(turns, door), room)
    if trimmed is None:
        return None
    assert trimmed[0].input_tokens <= room
    return json.loads(trimmed[0].body)["messages"], trimmed[1]


def room_for(turns, door="chat"):
    return read(turns, door).input_tokens


def test_as_few_of_the_oldest_exchanges_as_possible_go():
    turns = [user("a" + LONG), assistant(), user("b" + LONG), assistant(), user("c" + LONG), assistant(), user("last")]
    assert left(turns, room_for(turns[2:])) == (turns[2:], 2)
    assert left(turns, room_for(turns[2:]) - 1) == (turns[4:], 4)


def test_the_system_prompt_and_the_last_turn_of_the_user_stay():
    turns = [SYSTEM, user(), assistant(), {"role": "developer", "content": "In C."}, user("last")]
    assert left(turns, 100) == ([turns[0], turns[3], turns[4]], 2)


@pytest.mark.parametrize("room", [0, 5])
def test_where_the_last_exchange_alone_is_too_long_nothing_is_left_out(room):
    assert left([SYSTEM, user(), assistant(), user("last")], room) is None


@pytest.mark.parametrize(("door", "pair"), [("chat", [CALL, RESULT]), ("messages", [USE, USED])])
def test_a_tools_call_is_never_parted_from_its_result(door, pair):
    turns = [user("first"), *pair, assistant("done"), user("last"), *pair]
    for room in range(20, room_for(turns, door)):
        found = left(turns, room, door)
        assert found is None or found == (turns[4:], 4)
    assert left(turns, room_for(turns, door) - 1, door) == (turns[4:], 4)


def test_geminis_results_stay_with_their_calls_too():
    call = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]}
    result = {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"text": LONG}}}]}
    first, last = ({"role": "user", "parts": [{"text": text}]} for text in ("first", "last"))
    contents = [first, call, result, last]
    asked = read_request("generate", json.dumps({"contents": contents}).encode(), model="m", stream=True)
    trimmed = trim_oldest(asked, 60)
    assert trimmed is not None
    assert json.loads(trimmed[0].body)["contents"] == [last]
    assert (trimmed[0].model, trimmed[0].stream, trimmed[1]) == ("m", True, 3)


def test_everything_else_of_the_request_goes_on_as_it_came():
    asked = read([user(), assistant(), user("last")], temperature=0.30, metadata={"a": [1]})
    body = json.loads(trim_oldest(asked, 60)[0].body)
    assert {**body, "messages": None} == {**json.loads(asked.body), "messages": None}


def test_a_text_completion_has_no_turns_to_leave_out():
    assert trim_oldest(read_request("completions", json.dumps({"prompt": LONG}).encode()), 60) is None
