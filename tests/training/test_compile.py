"""Calls through torch.compile, with a fallback to eager calls."""

import logging

import pytest
import torch
from torch import nn

from relcon_sklearn._training import CompiledCall


def make_module():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def failing(backend_error):
    def compile_(function):
        def call(module, x):
            raise backend_error

        return call

    return compile_


def test_falls_back_and_says_why(monkeypatch, caplog):
    monkeypatch.setattr(torch, "compile", failing(RuntimeError("no compiler here")))
    module, x = make_module(), torch.ones(2, 3)
    call = CompiledCall()
    with caplog.at_level(logging.WARNING, logger="relcon_sklearn"):
        assert torch.equal(call(module, x), module(x))
        assert torch.equal(call(module, x), module(x))
    assert caplog.text.count("no compiler here") == 1


def test_errors_of_the_module_are_its_own(monkeypatch):
    monkeypatch.setattr(torch, "compile", failing(RuntimeError("wrapped")))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        CompiledCall()(make_module(), torch.ones(2, 5))


def test_out_of_memory_is_no_failure_to_compile(monkeypatch, caplog):
    monkeypatch.setattr(torch, "compile", failing(torch.OutOfMemoryError("out of memory")))
    call = CompiledCall()
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            call(make_module(), torch.ones(2, 3))
    assert caplog.text == ""


def test_compiled_equals_eager(monkeypatch):
    # This backend traces and differentiates like the default one, without the slow C++ compiler.
    compile_, calls = torch.compile, []

    def counting(function):
        calls.append(function)
        return compile_(function, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", counting)
    call, module = CompiledCall(), make_module()
    names = list(module.state_dict())
    for n in (4, 2, 3):
        x = torch.randn(n, 3, generator=torch.Generator().manual_seed(n))
        gradients = []
        for function in (call, nn.Module.__call__):
            module.zero_grad()
            function(module, x).square().sum().backward()
            gradients.append([p.grad.clone() for p in module.parameters()])
        for a, b in zip(*gradients, strict=True):
            torch.testing.assert_close(a, b)
    assert len(calls) == 1
    assert list(module.state_dict()) == names
