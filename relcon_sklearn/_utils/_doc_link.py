"""Links from the HTML view of an estimator to its page of the documentation."""

from __future__ import annotations

import os
from importlib import metadata

# Overrides the address that the installed package states. The documentation's own gallery sets it
# to "..", for links that work wherever its pages are put.
DOCS_VARIABLE = "RELCON_SKLEARN_DOCS"

_PAGE = "generated/relcon_sklearn.{estimator_name}.html"


def documentation_url() -> str:
    """Return where the documentation is: of the variable, else of the package, else ""."""
    return os.environ.get(DOCS_VARIABLE) or _stated_url()


def _stated_url() -> str:
    """Return the "Documentation" address of the installed package's metadata, or ""."""
    try:
        urls = metadata.metadata("relcon-sklearn").get_all("Project-URL", [])
    except metadata.PackageNotFoundError:  # run from a folder, without installation
        return ""
    for entry in urls:
        label, _, url = entry.partition(",")
        if label.strip().lower() == "documentation":
            return url.strip()
    return ""


class DocLinkMixin:
    """Has scikit-learn link to our documentation, and to nothing where that has no address.

    With an address, the "?" of the HTML view leads to the estimator's page, and the names of
    parameters to what is said of them there.
    """

    _doc_link_module = "relcon_sklearn"

    @property
    def _doc_link_template(self) -> str:
        url = documentation_url()
        return f"{url.rstrip('/')}/{_PAGE}" if url else ""
