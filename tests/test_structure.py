"""The structure of the package: no circles of imports, and arrows that point one way.

Imports inside of functions count too, and so do those for type checkers only.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import relcon_sklearn

ROOT = Path(relcon_sklearn.__file__).parent

# From the ground up. A module imports from its own room, and from rooms of lower layers.
LAYERS = [
    {"_version", "exceptions"},
    {"_utils"},
    {"_recordings", "augmentations", "nn", "segments"},
    {"_batches", "datasets"},
    {"_files", "_training"},
    {"_base", "_motif_pairs"},
    {"_motif_distance"},
    {"_ranking_distance"},
    {"_embedder_constructors"},
    {"_embedder"},
    {"_fine_tuning"},
    {"_classifier", "_regressor"},
    {"plotting"},
    {"__init__"},
]
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}


def name_of(path):
    """Return the parts of a module's name within the package; of a package, with __init__."""
    return path.relative_to(ROOT).with_suffix("").parts


def target(package, name):
    """Return the module that a name within a package stands for: a file, or where it is defined."""
    path = ROOT.joinpath(*package, *name)
    if path.with_suffix(".py").is_file():
        return name_of(path.with_suffix(".py"))
    if (path / "__init__.py").is_file():
        return name_of(path / "__init__.py")
    return target(package, name[:-1])


def imports(path):
    """Return the modules of the package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("relcon_sklearn") for alias in node.names)
        if not isinstance(node, ast.ImportFrom):
            continue
        assert not (node.module or "").startswith("relcon_sklearn"), "imports are relative here"
        if node.level:
            inner = name_of(path)
            package = inner[: len(inner) - node.level]
            module = tuple((node.module or "").split(".")) if node.module else ()
            found |= {target(package, (*module, alias.name)) for alias in node.names}
    return found - {name_of(path)}


GRAPH = {name_of(path): imports(path) for path in sorted(ROOT.rglob("*.py"))}


def test_the_graph_is_that_of_the_package():
    assert len(GRAPH) > 100
    assert ("nn", "_resnet") in GRAPH["nn", "__init__"]
    assert ("_utils", "_atomic") in GRAPH["segments", "_store_format"]
    # An import inside of a function.
    assert ("nn", "_triton_kernels") in GRAPH["nn", "_motif_ranking"]


def test_no_circles():
    tuple(TopologicalSorter(GRAPH).static_order())  # raises CycleError, which names one


def test_every_room_has_a_layer():
    assert {module[0] for module in GRAPH} == LAYER.keys()


@pytest.mark.parametrize("room", sorted(LAYER))
def test_arrows_point_down(room):
    upward = [
        f"{'.'.join(module)} imports {'.'.join(other)}"
        for module, others in GRAPH.items()
        for other in others
        if module[0] == room and other[0] != room and LAYER[other[0]] >= LAYER[room]
    ]
    assert not upward


def test_files_are_short():
    long = {
        path.name: n for path in ROOT.rglob("*.py") if (n := len(path.open().readlines())) > 450
    }
    assert not long
