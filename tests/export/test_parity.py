import numpy as np
import pytest

from relcon_sklearn._export._parity import check_parity


def reference(segments):
    return segments.sum(axis=1)


def check(run, reference=reference, n_timesteps=6, tolerance=1e-5):
    check_parity(run, reference, n_timesteps, 3, tolerance)


def test_equal_outputs_at_five_lengths_and_two_sizes():
    seen = []

    def run(segments):
        assert segments.dtype == np.float32
        seen.append(segments.shape)
        return reference(segments)

    check(run)
    assert seen == [(n, length, 3) for length in (1, 10, 6, 7, 15) for n in (1, 3)]


@pytest.mark.parametrize("length", [1, 10, 6, 7, 15])
def test_a_difference_at_any_length_is_an_error(length):
    def run(segments):
        return reference(segments) * (1 + 1e-4 * (segments.shape[1] == length))

    with pytest.raises(ValueError, match=rf"\(1, {length}, 3\) differ by .*1e-05 is allowed"):
        check(run)
    check(run, tolerance=1e-3)


def test_a_difference_of_later_segments_is_an_error():
    def run(segments):
        return reference(segments) + np.arange(len(segments))[:, None]

    with pytest.raises(ValueError, match=r"\(3, 1, 3\) differ"):
        check(run)


def test_nan_is_a_difference():
    with pytest.raises(ValueError, match="differ by nan"):
        check(lambda segments: reference(segments) * np.nan)


def test_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"have shape \(1, 3, 1\) instead of \(1, 3\)"):
        check(lambda segments: reference(segments)[..., None])


def test_an_error_of_the_runtime_has_its_reason():
    def run(segments):
        raise RuntimeError("no such operation")

    with pytest.raises(ValueError, match=r"does not run for .*: no such operation"):
        check(run)


def test_lengths_that_the_estimator_refuses_are_skipped():
    def at_least(n):
        def refusing(segments):
            if segments.shape[1] < n:
                raise RuntimeError("too short")
            return reference(segments)

        return refusing

    check(at_least(6), at_least(6))
    with pytest.raises(RuntimeError, match="too short"):  # the length of the training
        check(at_least(7), at_least(7))
