"""``python -m relcon_sklearn`` prints versions, devices and optional packages."""

import subprocess
import sys
from email.message import Message
from importlib import metadata

import pytest
import torch

from relcon_sklearn import __version__
from relcon_sklearn._command import _versions, main


@pytest.fixture
def installed(monkeypatch):
    """Return the versions of the packages that are installed, as a dict that may be changed."""
    versions = {"numpy": "2.0", "numba": "0.60", "pandas": "2.1"}
    needs = ["numpy>=1.24", 'numba>=0.60; extra == "speed"', "pandas>=2.0; extra == 'devices'"]
    needs += ['actfast>=1.3; extra == "devices"', 'pytest>=8; extra == "test"']

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    about = Message()
    for extra in ("devices", "speed", "test"):
        about["Provides-Extra"] = extra
    for requirement in needs:
        about["Requires-Dist"] = requirement
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "metadata", lambda name: about)
    return versions


def test_without_a_command_versions_are_printed(capsys):
    assert main([]) == 0
    told = capsys.readouterr().out
    assert f"relcon_sklearn {__version__}, " in told
    assert sys.version.split()[0] in told
    assert f"{torch.get_num_threads()} threads" in told


def test_versions_of_required_and_of_optional_packages(installed):
    told = _versions.describe_versions()
    required, devices, speed = told.split("Required packages")[1].split("Optional packages of ")
    assert required.split() == ["numpy", "2.0"]
    assert speed.split() == ["[speed]", "numba", "0.60"]
    assert "pytest" not in told
    assert devices.splitlines() == [
        '[devices]: pip install "relcon-sklearn[devices]"',
        "  actfast                 not installed",
        "  pandas                  2.1",
        "",
    ]


def test_a_clone_that_is_not_installed_has_versions_too(monkeypatch):
    def of(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", of)
    _, told = _versions.describe_versions().split("Packages (this one is not installed)")
    assert torch.__version__ in told


@pytest.mark.slow
def test_optional_packages_are_not_needed():
    blocked = "import sys; sys.modules.update(dict.fromkeys(['pandas', 'matplotlib', 'actfast']))"
    run = f"{blocked}; import runpy; runpy.run_module('relcon_sklearn', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Devices" in done.stdout
