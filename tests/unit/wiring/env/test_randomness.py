"""Draws and tokens."""

from shoal.wiring.env.randomness import RealRng, RealSecrets


def test_draws_stay_inside_their_limits() -> None:
    rng = RealRng()
    assert {rng.below(3) for _ in range(200)} == {0, 1, 2}
    assert all(0 <= rng.random() < 1 for _ in range(200))


def test_generators_are_not_alike() -> None:
    assert [RealRng().below(1 << 60) for _ in range(2)] != [RealRng().below(1 << 60) for _ in range(2)]


def test_tokens_have_their_size_and_do_not_repeat() -> None:
    secrets = RealSecrets()
    tokens = [secrets.token(16) for _ in range(50)]
    assert {len(token) for token in tokens} == {16}
    assert len(set(tokens)) == 50
