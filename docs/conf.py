"""Sphinx configuration. Run `python run.py docs`, or here `sphinx-build -W . _build/html`.

Nothing is downloaded when the site is built, and its pages download nothing when they are read.
"""

import os
import re
import sys
from pathlib import Path

# The models of the examples are too small to benefit from threads, which would compete for cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The address of the site for the HTML view of estimators, from the page of an example.
os.environ.setdefault("RELCON_SKLEARN_DOCS", "../..")

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from api_members import ApiMembers

import relcon_sklearn

project = "relcon_sklearn"
author = "The relcon_sklearn developers"
project_copyright = author
version = release = relcon_sklearn.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "offline_math",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**.ipynb", "auto_examples/**.py"]
default_role = "code"
nitpicky = True
# Links to the sites of other projects would need their indexes, which would have to be downloaded.
nitpick_ignore_regex = [
    ("py:.*", r"(functools|matplotlib|numpy|scipy|sklearn|skorch|torch|tslearn)\..*")
]

# -- Markdown ------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

# -- API reference -------------------------------------------------------------------------

autodoc_typehints = "none"  # docstrings contain types, together with shapes
autosummary_generate = True
autosummary_context = {"api": ApiMembers()}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# The contents of a page of a class are as wide as the names of its methods, without the class.
toc_object_entries_show_parents = "hide"

# -- Gallery -------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"../examples/{topic}"
        for topic in ("start", "recordings", "pretraining", "downstream", "method")
    ],
    "filename_pattern": r"plot_",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("relcon_sklearn",),
    "reference_url": {"relcon_sklearn": None},
    "reset_modules": ("matplotlib",),
    "image_scrapers": ("matplotlib",),
    "min_reported_time": 10,
    "write_computation_times": False,
    "show_memory": False,
    "parallel": False,
    "download_all_examples": False,
    "abort_on_example_error": False,
    "remove_config_comments": True,
}

# -- Pages ---------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"relcon_sklearn {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
# Pages at the top that have no pages below them: without a column for their contents.
html_sidebars = {
    page: []
    for page in (
        "index",
        "install",
        "start",
        "differences",
        "glossary",
        "changelog",
        "contributing",
    )
}
html_theme_options = {
    "logo": {"text": "relcon_sklearn"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _take_gallery_header(app, config):
    # examples/README.md is for readers of that folder, but would come first in alphabetical order.
    config.sphinx_gallery_conf["source_suffix"] = {".rst": "restructuredtext"}


def _keep_together(app, name, source):
    # In the narrow columns of tables, a number stays with its standard deviation and its unit.
    def without_breaks(row):
        return re.sub(r" (?=±)|(?<=±) |(?<=\d) (?=[mµ]?s\b)", "\N{NO-BREAK SPACE}", row[0])

    source[0] = re.sub(r"^\|.*", without_breaks, source[0], flags=re.MULTILINE)


def _let_figures_scroll(app, page, template, context, doctree):
    # Figures of the gallery have no element around them that could scroll on a phone, see site.css.
    context["body"] = re.sub(
        r'<img [^>]*"sphx-glr-single-img"[^>]*>',
        r'<div class="figure-scroll">\g<0></div>',
        context.get("body", ""),
    )


def setup(app):
    """Make changes that settings cannot express."""
    app.connect("config-inited", _take_gallery_header)
    app.connect("source-read", _keep_together)
    app.connect("html-page-context", _let_figures_scroll)
