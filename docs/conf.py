"""How Sphinx builds these pages; `make docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import api  # noqa: E402

from contract.version import __version__  # noqa: E402

project = "cellbench"
author = "the cellbench developers"
project_copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "api",
    "repository",
    "tables",
]
exclude_patterns = ["_build", "jupyter_execute"]

html_theme = "furo"
html_title = "cellbench"
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["style.css"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Docstrings are prose; a single backtick marks code in them.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_type_aliases = {name: name for name in api.SHORT_TYPES}
smartquotes = False

# The notebook is committed without outputs and run with every build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"
copybutton_exclude = ".linenos, .gp, .go"
