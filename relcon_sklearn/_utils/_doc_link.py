"""Links from the HTML view of an estimator to its page in the documentation."""

from __future__ import annotations

import os
from importlib import metadata

# Environment variable that overrides the address in the metadata of the installed package. The
# gallery of the documentation sets it to "..", so that its links do not depend on the address.
DOCS_VARIABLE = "RELCON_SKLEARN_DOCS"

_PAGE = "generated/relcon_sklearn.{estimator_name}.html"


def documentation_url() -> str:
    """Return the address of the documentation: the variable, else the metadata, else ""."""
    return os.environ.get(DOCS_VARIABLE) or _url_in_metadata()


def _url_in_metadata() -> str:
    """Return the "Documentation" address of the installed package's metadata, or ""."""
    try:
        urls = metadata.metadata("relcon-sklearn").get_all("Project-URL", [])
    except metadata.PackageNotFoundError:  # the package is used without installation
        return ""
    for entry in urls:
        label, _, url = entry.partition(",")
        if label.strip().lower() == "documentation":
            return url.strip()
    return ""


class DocLinkMixin:
    """Mixin for links from scikit-learn's HTML view to the documentation, if its address is known.

    The "?" in the HTML view then links to the page of the estimator, and the names of parameters to
    their descriptions on that page.
    """

    _doc_link_module = "relcon_sklearn"

    @property
    def _doc_link_template(self) -> str:
        url = documentation_url()
        return f"{url.rstrip('/')}/{_PAGE}" if url else ""
