"""Render formulas as MathML. Browsers display it without a script and without TeX."""

from __future__ import annotations

import re

from latex2mathml.converter import convert
from sphinx.util.logging import getLogger

logger = getLogger(__name__)


def visit_math(self, node):
    """Write a formula in a line of text."""
    self.body.append(_convert(node.astext(), node))
    raise _skip()


def visit_displaymath(self, node):
    """Write a formula on separate lines, with its number if it has one."""
    latex = node.astext()
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({node["number"]})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(_convert(latex, node, display="block"))
    self.body.append("</div>\n")
    raise _skip()


def _convert(latex, node, **kwargs):
    """Return a formula as MathML, and warn of commands that the reader would see as they are."""
    formula = convert(latex, **kwargs)
    unknown = re.findall(r">(\\\w+)<", formula)
    if unknown:
        logger.warning("latex2mathml does not know %s", " ".join(unknown), location=node)
    return formula


def _skip():
    from docutils.nodes import SkipNode

    return SkipNode()


def setup(app):
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
