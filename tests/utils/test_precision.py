"""The floating-point precision that is chosen for a device."""

import pytest
import torch

from relcon_sklearn._utils import _precision
from relcon_sklearn._utils._precision import dtype_of, gains_from_bfloat16

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_what_is_asked_for(precision, device):
    assert dtype_of(precision, torch.device(device)) == getattr(torch, precision)


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        (set(), torch.float32),
        ({"avx2", "avx512f"}, torch.float32),
        ({"avx512f", "avx512_bf16"}, torch.bfloat16),
        ({"amx_bf16", "amx_tile"}, torch.bfloat16),
    ],
)
def test_auto_on_cpus(monkeypatch, flags, dtype):
    monkeypatch.setattr(_precision, "_cpu_flags", lambda: flags)
    assert dtype_of("auto", CPU) == dtype


def test_auto_on_other_devices(monkeypatch):
    monkeypatch.setattr(_precision, "_cpu_flags", lambda: {"amx_bf16"})
    assert dtype_of("auto", torch.device("mps")) == torch.float32
    for has in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has=has, **kwargs: has)
        assert gains_from_bfloat16(torch.device("cuda")) == has


def test_flags_of_this_machine():
    flags = _precision._cpu_flags()
    assert isinstance(flags, set)
    assert not flags or "fpu" in flags or "asimd" in flags or len(flags) > 1


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (
            "processor : 0\nflags\t\t: fpu avx512_bf16 sse\n\nprocessor : 1\n",
            {"fpu", "avx512_bf16"},
        ),
        ("processor : 0\nFeatures : asimd\n", set()),
        (None, set()),
    ],
)
def test_reading_them(monkeypatch, tmp_path, text, flags):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(_precision, "Path", lambda name: path)
    _precision._cpu_flags.cache_clear()
    try:
        assert flags <= _precision._cpu_flags()
        assert bool(flags) == bool(_precision._cpu_flags())
    finally:
        _precision._cpu_flags.cache_clear()
