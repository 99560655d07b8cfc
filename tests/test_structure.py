"""The structure of the package: no circular imports, and imports from lower layers only.

Imports inside functions and imports for type checkers count too.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import relcon_sklearn

ROOT = Path(relcon_sklearn.__file__).parent

# From the lowest layer up. A module imports from its own subpackage and from lower layers.
LAYERS = [
    {"_version", "exceptions"},
    {"_utils"},
    {"_features", "_recordings", "augmentations", "nn", "segments"},
    {"_batches", "datasets", "recordings", "timelines"},
    {"_files", "_training"},
    {"_export", "_initial", "_segment_input", "embeddings"},
    {"_cards", "_feature_transformer"},
    {"_base", "_feature_distance", "_motion_features", "_distance_constructors", "_motif_pairs"},
    {"_motif_distance"},
    {"_ranking_distance"},
    {"_embedder_constructors", "_embedder_score", "_embedder_training"},
    {"_embedder"},
    {"_fine_tuning"},
    {"_classifier", "_regressor"},
    {"plotting"},
    {"_command"},
    {"__init__", "__main__"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}


def name_of(path):
    """Return the parts of a module's name within the package, with __init__ for a subpackage."""
    return path.relative_to(ROOT).with_suffix("").parts


def target(package, name):
    """Return the module that an imported name refers to: a module, or the one that has the name."""
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


def test_the_graph_has_known_imports():
    assert len(GRAPH) > 100
    assert ("nn", "_resnet") in GRAPH["nn", "__init__"]
    assert ("_utils", "_atomic") in GRAPH["segments", "_store_format"]
    # An import inside a function.
    assert ("nn", "_triton_kernels") in GRAPH["nn", "_motif_ranking"]


def test_no_circular_imports():
    tuple(TopologicalSorter(GRAPH).static_order())  # raises CycleError, which names a cycle


def test_every_module_has_a_layer():
    assert {module[0] for module in GRAPH} == LAYER.keys()


@pytest.mark.parametrize("name", sorted(LAYER))
def test_imports_are_from_lower_layers(name):
    upward = [
        f"{'.'.join(module)} imports {'.'.join(other)}"
        for module, others in GRAPH.items()
        for other in others
        if module[0] == name and other[0] != name and LAYER[other[0]] >= LAYER[name]
    ]
    assert not upward


def test_files_are_short():
    long = {
        path.name: n for path in ROOT.rglob("*.py") if (n := len(path.open().readlines())) > 450
    }
    assert not long
