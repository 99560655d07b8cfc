"""Checks of the examples without running them: titles, imports, calls and links.

The build of the documentation runs the examples of the gallery.
"""

import ast
import importlib
import inspect
import posixpath
import re
from pathlib import Path

import numpy as np
import pytest

from relcon_sklearn import datasets

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
EXAMPLES = sorted(FOLDER.rglob("*.py"))
GALLERY = [path for path in EXAMPLES if path.name.startswith("plot_")]
# Constructors that accept the parameters of their class.
ALTERNATIVES = {"for_cpu", "published"}


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(tree):
    """Yield the name and the object of each import from relcon_sklearn."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "relcon_sklearn":
            module = importlib.import_module(node.module)
            for alias in node.names:
                yield alias.asname or alias.name, getattr(module, alias.name)


def title_of(path):
    """Return the title of a page, from its docstring."""
    first, underline, *_ = ast.get_docstring(parse(path)).splitlines()
    assert set(underline) == {"="}
    assert len(underline) == len(first)
    return first


def topic_of(folder):
    """Return the title of a topic, from the header of its folder."""
    return (folder / "GALLERY_HEADER.rst").read_text(encoding="utf-8").partition("\n")[0]


def test_there_is_a_gallery():
    assert len(GALLERY) >= 14
    assert FOLDER not in {path.parent for path in GALLERY}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_has_a_title_and_blocks(path):
    text = path.read_text(encoding="utf-8")
    compile(text, str(path), "exec")
    assert title_of(path)
    assert re.search(r"^# %%$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_names_and_parameters_exist(path):
    """Each name imported from relcon_sklearn exists, and is called with existing parameters."""
    tree = parse(path)
    names = dict(imported(tree))  # fails for a name that does not exist
    assert names
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id in names:
            target = names[function.id]
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner = names.get(function.value.id)
            target = getattr(owner, function.attr, None)
            if function.attr in ALTERNATIVES:  # accept the parameters of the class
                target = owner
        else:
            continue
        if target is not None:
            keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(target).bind_partial(*node.args, **keywords)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_draws_and_is_repeatable(path):
    """Each page has a figure, and sets a seed for all data and models."""
    tree = parse(path)
    assert "plt.show()" in path.read_text(encoding="utf-8")
    seeded = {name for name, value in imported(tree) if has_seed(value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and constructed(node) in seeded:
            keywords = [keyword.arg for keyword in node.keywords]
            # The distance of an embedder is seeded by the embedder. None stands for **settings.
            seeds = {"random_state", None} & set(keywords) or within_embedder(tree, node)
            assert seeds, ast.unparse(node)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_ends_with_a_conclusion(path):
    """The last block, under the last figure, is text: it says what the reader takes home."""
    *_, last = re.split(r"^# %%$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(last) > 150
    assert not [line for line in last.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_thumbnail_is_the_first_figure(path):
    assert "sphinx_gallery_thumbnail" not in path.read_text(encoding="utf-8")


def constructed(call):
    """Return the name of the class or function that is called, also by another constructor."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in ALTERNATIVES:
        function = function.value
    return getattr(function, "id", None)


def has_seed(value):
    return callable(value) and "random_state" in inspect.signature(value).parameters


def within_embedder(tree, inner):
    return any(
        isinstance(node, ast.Call) and constructed(node) == "RelConEmbedder" and inner in node.args
        for node in ast.walk(tree)
    )


def test_pages_read_user_recordings_in_the_same_way():
    """Each page is self-contained. It repeats the function that reads recordings."""
    bodies = {}
    for path in GALLERY:
        if "RELCON_RECORDINGS" in path.read_text(encoding="utf-8"):
            (function,) = (
                node
                for node in parse(path).body
                if isinstance(node, ast.FunctionDef) and node.name == "load_recordings"
            )
            bodies[path.name] = ast.unparse(function)
    assert len(bodies) >= 3
    assert len(set(bodies.values())) == 1


def test_user_recordings_are_read(tmp_path):
    """The function of a page that reads recordings can read a file that the library writes."""
    path = next(path for path in GALLERY if "RELCON_RECORDINGS" in path.read_text("utf-8"))
    nodes = [
        node
        for node in parse(path).body
        if getattr(node, "name", "") == "load_recordings"
        or getattr(node, "module", "").startswith("relcon_sklearn")
    ]
    names = {"np": np}
    exec(compile(ast.Module(nodes, []), str(path), "exec"), names)
    recordings = datasets.make_recordings(3, duration=60, random_state=0)
    datasets.save_npz_recordings(tmp_path / "mine.npz", recordings)
    X, activity, subject = names["load_recordings"](tmp_path / "mine.npz", 20)
    assert X.shape == (20, 128, 3)
    assert set(subject) <= set(recordings.subjects)
    assert set(activity) <= set(np.concatenate(recordings.labels))


def references(text):
    """Return the labels of the pages that a text refers to."""
    return set(re.findall(r":ref:`(sphx_glr_auto_examples_\w+\.py)`", text))


def label_of(path):
    """Return the label that sphinx-gallery gives a page."""
    return f"sphx_glr_auto_examples_{'_'.join(path.relative_to(FOLDER).parts)}"


def test_references_between_pages_are_valid():
    labels = {label_of(path) for path in GALLERY}
    for path in GALLERY:
        assert references(path.read_text(encoding="utf-8")) <= labels, path.name


def test_the_header_names_the_pages_that_read_user_recordings():
    header = (FOLDER / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    _, first, _ = header.split(".. dropdown::")
    reading = (path for path in GALLERY if "RELCON_RECORDINGS" in path.read_text("utf-8"))
    assert references(first) == {label_of(path) for path in reading}


def test_the_list_of_examples_has_each_page_under_its_topic():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = {
        (topic, *page)
        for topic, pages in re.findall(r"^(\w.+)\n\n((?:- .+\n)+)", text, flags=re.MULTILINE)
        for page in re.findall(r"^- \[(.+)\]\((.+\.py)\)", pages, flags=re.MULTILINE)
    }
    assert listed == {
        (topic_of(path.parent), title_of(path), path.relative_to(FOLDER).as_posix())
        for path in GALLERY
    }


def test_views_of_estimators_link_to_the_site():
    """Their links are relative to the page of an example, which no check of the build follows."""
    conf = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    site = re.search(r'"RELCON_SKLEARN_DOCS", "(.+)"', conf)[1]
    for path in GALLERY:
        page = posixpath.join("auto_examples", path.relative_to(FOLDER).as_posix())
        assert posixpath.normpath(posixpath.join(posixpath.dirname(page), site)) == "."


@pytest.mark.parametrize("page", ["README.md", "run.py"])
def test_links_to_examples_are_valid(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    names = set(re.findall(r"examples/([\w/]+\.py)", text))
    assert names
    assert not [name for name in names if not (FOLDER / name).is_file()]
