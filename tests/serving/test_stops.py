from hypothesis import given
from hypothesis import strategies as st

from serving.stops import StopFilter

texts = st.text(alphabet="ab\n", max_size=30)


@given(st.lists(texts, max_size=8), st.lists(texts.filter(bool), max_size=3))
def test_pieces_show_exactly_the_text_before_the_first_stop_string(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    stops_at = [whole.find(stop) for stop in stops if stop in whole]
    wanted = whole[: min(stops_at)] if stops_at else whole
    shown, stopped, filter_ = "", False, StopFilter(tuple(stops))
    for piece in pieces:
        text, stopped = filter_.push(piece)
        shown += text
        assert wanted.startswith(shown) or stopped  # nothing of a stop string is ever shown
        if stopped:
            break
    shown += "" if stopped else filter_.flush()
    # A stop string that is complete ends the text at once, even where a longer one began earlier.
    assert shown == wanted or (stopped and shown in {whole[: whole.find(stop)] for stop in stops if stop in whole})
    assert stopped == bool(stops_at)


def test_the_start_of_a_stop_string_is_held_back_and_shown_when_it_turns_out_not_to_be_one() -> None:
    held = StopFilter(("\nclass",))
    assert held.push("x = 1\ncl") == ("x = 1", False)
    assert held.push("ean()") == ("\nclean()", False)


def test_without_stop_strings_everything_passes_at_once() -> None:
    assert StopFilter(()).push("any\ntext") == ("any\ntext", False)
