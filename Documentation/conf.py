# SPDX-License-Identifier: GPL-2.0
"""How Sphinx makes a site of these pages.

`make htmldocs` runs it (tools/gomtools/htmldocs.py) and names in $srctree the
kernel whose kernel-doc extension is used.
"""

import os
import sys
from pathlib import Path

from sphinx.errors import ConfigError

HERE = Path(__file__).resolve().parent

if "srctree" not in os.environ:
    raise ConfigError("The kernel's source tree is not named in $srctree: run `make htmldocs`.")
sys.path[:0] = [str(HERE / "sphinx"), os.path.join(os.environ["srctree"], "Documentation/sphinx"),
                str(HERE.parent / "tools")]

project = "gomalloc"
language = "en"
extensions = ["gomdoc"]
kerneldoc_srctree = str(HERE.parent)

primary_domain = "c"
c_id_attributes = ["__malloc"]
highlight_language = "none"
smartquotes = False     # what people type stays what they typed
# What a page refers to has to exist, except for names of the kernel's.
nitpicky = True
nitpick_ignore_regex = [("c:.*", r"(?!gom_).*")]

html_theme = "furo"
html_title = "gomalloc"
html_static_path = ["sphinx/static"]
html_css_files = ["gomalloc.css"]
html_js_files = ["gomalloc.js"]
html_copy_source = False
html_show_copyright = False
