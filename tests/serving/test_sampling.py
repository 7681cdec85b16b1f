import random

from serving.sampling import Sampling, choose_token

LOGITS = [0.0, 3.0, 2.0, 1.0]  # probabilities about 0.03, 0.64, 0.24, 0.09


def drawn(**wishes: float) -> set[int]:
    generator = random.Random(0)
    sampling = Sampling(max_tokens=1, **{"temperature": 1.0, **wishes})  # type: ignore[arg-type]
    return {choose_token(LOGITS, sampling, generator) for _ in range(2000)}


def test_at_temperature_one_every_token_can_come() -> None:
    assert drawn() == {0, 1, 2, 3}


def test_top_k_keeps_the_likeliest() -> None:
    assert drawn(top_k=2) == {1, 2}


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    assert drawn(top_p=0.6) == {1}
    assert drawn(top_p=0.7) == {1, 2}


def test_a_low_temperature_is_all_but_greedy() -> None:
    assert drawn(temperature=0.05) == {1}


def test_shares_follow_the_probabilities() -> None:
    generator = random.Random(0)
    sampling = Sampling(max_tokens=1, temperature=1.0)
    share = sum(choose_token(LOGITS, sampling, generator) == 1 for _ in range(5000)) / 5000
    assert abs(share - 0.644) < 0.03
