"""Natural cubic splines in torch."""

from __future__ import annotations

import torch


def natural_spline_basis(n_timesteps: int, n_knots: int) -> torch.Tensor:
    """Return the basis (n_timesteps, n_knots + 2) of natural cubic splines, float64, on the CPU.

    A natural cubic spline on fixed knots is linear in its knot values: ``basis @ values`` is the
    spline through ``values``, at ``n_knots`` interior knots and the two ends.
    """
    eye = torch.eye(n_knots + 2, dtype=torch.float64, device="cpu")
    # Knots are one apart. The inner rows require a continuous slope, and the outer two rows require
    # zero curvature at the ends.
    differences = torch.zeros_like(eye)
    differences[1:-1] = eye[:-2] - 2 * eye[1:-1] + eye[2:]
    curvatures = torch.linalg.solve(differences + 6 * eye, 6 * differences)
    times = torch.linspace(0, n_knots + 1, n_timesteps, dtype=torch.float64, device="cpu")
    left = times.floor().clamp(max=n_knots).long()
    toward_right = (times - left).unsqueeze(1)
    toward_left = 1 - toward_right
    return (
        toward_left * eye[left]
        + toward_right * eye[left + 1]
        + (toward_left**3 - toward_left) / 6 * curvatures[left]
        + (toward_right**3 - toward_right) / 6 * curvatures[left + 1]
    )
