# SPDX-License-Identifier: GPL-2.0
"""What gomalloc's pages need of Sphinx beyond the kernel's kernel-doc extension.

kernel-doc:: of a folder finds the file of each function that :identifiers:
names.  A literal that names a page of ours (``overview.rst``) becomes a link
with that page's title.  The name of a public function (``gom_free(p)``, or
gom_free() in running text) becomes a link to the function.  So the pages need
no markup that only Sphinx knows.
"""

import re
from pathlib import Path

from docutils import nodes
from kerneldoc import KernelDocDirective
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from gomtools import interface
from gomtools.ui import Failure

PAGE = re.compile(r"(?:Documentation/)?([\w-]+)\.rst")
CALL = re.compile(r"(gom_\w+)\(.*\)", re.DOTALL)
CALL_IN_TEXT = re.compile(r"\b(gom_\w+\(\))")
# What is a link already, or is no running text.
NO_TEXT = (nodes.literal, nodes.literal_block, nodes.reference, nodes.title, addnodes.pending_xref,
           addnodes.desc_signature)


class FoundKernelDoc(KernelDocDirective):
    """kernel-doc of functions, wherever below the folder they stand."""

    def run(self):
        root = Path(self.state.document.settings.env.config.kerneldoc_srctree)
        folder = root / self.arguments[0]
        if not folder.is_dir():
            return super().run()
        try:
            files = interface.documented(folder)
        except Failure as failure:
            raise self.error(str(failure)) from failure
        shown = []
        for name in self.options.get("identifiers", "").split():
            if name not in files:
                raise self.error(f"No file below {folder.name}/ has kernel-doc of {name}().")
            self.arguments[0] = str(files[name].relative_to(root))
            self.options["identifiers"] = name
            shown += super().run()
        return shown


class Links(SphinxTransform):
    """Links to pages and public functions, from their names."""

    default_priority = 400

    def apply(self, **kwargs):
        self.public = interface.declared()
        for literal in list(self.document.findall(nodes.literal)):
            if not isinstance(literal.parent, (nodes.reference, addnodes.pending_xref)):
                literal.replace_self(self.page(literal) or self.function(literal))
        for text in list(self.document.findall(nodes.Text)):
            parts = CALL_IN_TEXT.split(text.astext())
            if len(parts) > 1 and not self.inside(text, NO_TEXT):
                text.parent.replace(text, [self.function(nodes.Text(part)) for part in parts if part])

    def inside(self, node, kinds):
        return node is not None and (isinstance(node, kinds) or self.inside(node.parent, kinds))

    def page(self, literal):
        match = PAGE.fullmatch(literal.astext())
        if match and match[1] in self.env.found_docs and match[1] != self.env.docname:
            return self.link(literal, refdomain="std", reftype="doc", reftarget=f"/{match[1]}", refexplicit=False)
        return None

    def function(self, node):
        """A link, if `node` names a public function; else `node`."""
        match = CALL.fullmatch(node.astext())
        if match and match[1] in self.public:
            return self.link(node, refdomain="c", reftype="func", reftarget=match[1], refexplicit=True)
        return node

    def link(self, node, **target):
        return addnodes.pending_xref("", node.deepcopy(), refdoc=self.env.docname, refwarn=True, **target)


def setup(app):
    app.setup_extension("kerneldoc")
    app.add_directive("kernel-doc", FoundKernelDoc, override=True)
    app.add_transform(Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
