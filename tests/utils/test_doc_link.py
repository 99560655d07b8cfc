"""Links to the documentation in the HTML view of estimators."""

from importlib import metadata

import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from relcon_sklearn._utils._doc_link import DOCS_VARIABLE, documentation_url
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

ADDRESS = "https://docs.invalid/relcon"


@pytest.fixture
def stated(monkeypatch):
    """Return a function that sets the metadata of the installed package, without the variable."""
    monkeypatch.delenv(DOCS_VARIABLE, raising=False)

    def state(*entries):
        message = metadata.metadata("relcon-sklearn")
        del message["Project-URL"]
        for entry in entries:
            message["Project-URL"] = entry
        monkeypatch.setattr(metadata, "metadata", lambda name: message)

    return state


@pytest.mark.parametrize(
    "estimator", [tiny_distance(), tiny_embedder(), tiny_classifier(), tiny_regressor()]
)
def test_each_estimator_links_to_its_page(stated, estimator):
    stated("Source, https://source.invalid", f"Documentation, {ADDRESS}/")
    name = type(estimator).__name__
    page = f"{ADDRESS}/generated/relcon_sklearn.{name}.html"
    assert estimator._get_doc_link() == page
    assert f'href="{page}"' in estimator_html_repr(estimator)


def test_nothing_is_linked_to_without_an_address(stated):
    stated("Source, https://source.invalid")
    assert documentation_url() == ""
    assert tiny_embedder()._get_doc_link() == ""
    assert "href" not in estimator_html_repr(tiny_embedder())


def test_nothing_is_linked_to_without_installation(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.delenv(DOCS_VARIABLE, raising=False)
    monkeypatch.setattr(metadata, "metadata", missing)
    assert tiny_distance()._get_doc_link() == ""


def test_the_variable_comes_before_what_the_package_states(stated, monkeypatch):
    stated(f"Documentation, {ADDRESS}")
    monkeypatch.setenv(DOCS_VARIABLE, "..")
    assert (
        tiny_distance()._get_doc_link() == "../generated/relcon_sklearn.LearnedMotifDistance.html"
    )


def test_subclasses_of_others_have_no_page_here(stated):
    stated(f"Documentation, {ADDRESS}")

    class Theirs(type(tiny_distance())):
        pass

    assert Theirs()._get_doc_link() == ""


def test_steps_of_a_pipeline_link_each_to_their_own_documentation(stated):
    stated(f"Documentation, {ADDRESS}")
    html = estimator_html_repr(make_pipeline(tiny_embedder(), LogisticRegression()))
    assert f"{ADDRESS}/generated/relcon_sklearn.RelConEmbedder.html" in html
    assert f"{ADDRESS}/generated/relcon_sklearn.LearnedMotifDistance.html" in html
    assert "sklearn.linear_model.LogisticRegression.html" in html


def test_clones_are_linked_and_parameters_know_nothing_of_it(stated):
    stated(f"Documentation, {ADDRESS}")
    estimator = clone(tiny_distance())
    assert estimator._get_doc_link().startswith(ADDRESS)
    assert not any("doc" in name for name in estimator.get_params())


@pytest.mark.parametrize(
    "estimator", [tiny_distance(), tiny_embedder(), tiny_classifier(), tiny_regressor()]
)
def test_every_parameter_is_shown_with_what_the_docstring_says_of_it(stated, estimator):
    common = pytest.importorskip(
        "sklearn.utils._repr_html.common", reason="this scikit-learn shows no descriptions"
    )
    stated(f"Documentation, {ADDRESS}")
    html = estimator_html_repr(estimator)
    for name in estimator.get_params(deep=False):
        description = common.get_docstring(type(estimator), "Parameters", name)
        assert description is not None, name
        assert len(description.split("<br><br>")[1]) > 20
        # A nested estimator is shown separately.
        if name != "distance":
            assert description in html
            assert f"#:~:text={name},-" in html
