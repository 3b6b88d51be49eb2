# SPDX-License-Identifier: GPL-2.0
"""A flame graph (Gregg 2011) of a heap profile as SVG: the width of a box is
the memory allocated below it.
"""

import zlib
from html import escape

WIDTH, ROW, MARGIN, LETTER = 1200, 18, 10, 6.6
LEAST = 0.5     # pixels; narrower boxes are omitted


class Node:
    def __init__(self):
        self.value = 0
        self.size = 0       # sum of absolute values, for the width
        self.children = {}

    def add(self, path, value):
        self.value += value
        self.size += abs(value)
        if path:
            self.children.setdefault(path[0], Node()).add(path[1:], value)

    def depth(self):
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def colour(name, value, difference):
    """Warm colours, by name; in a difference red is more and blue is less."""
    shade = zlib.crc32(name.encode()) % 56
    if difference:
        if value >= 0:
            return f"rgb(255,{150 + shade},{150 + shade})"
        return f"rgb({140 + shade},{160 + shade},255)"
    return f"rgb({200 + shade},{110 + shade * 2},{40 + shade})"


def boxes(node, name, x, level, scale, bottom, amount, difference):
    width = node.size * scale
    if width < LEAST:
        return
    y = bottom - level * ROW
    text = escape(name[: max(0, int((width - 6) / LETTER))]) if width > 24 else ""
    yield (f'<g><title>{escape(name)}: {escape(amount(node.value))}</title>'
           f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" rx="2" '
           f'fill="{colour(name, node.value, difference)}"/>'
           f'<text x="{x + 3:.1f}" y="{y + ROW - 6}">{text}</text></g>')
    for child_name, child in sorted(node.children.items()):
        yield from boxes(child, child_name, x, level + 1, scale, bottom, amount, difference)
        x += child.size * scale


def draw(profile, amount, difference=False):
    """The SVG of `profile`; `amount` formats a value."""
    root = Node()
    for stack, value in profile.values.items():
        root.add(tuple(reversed(stack)), value)
    height = root.depth() * ROW + 60
    scale = (WIDTH - 2 * MARGIN) / max(root.size, 1)
    body = boxes(root, "all", MARGIN, 0, scale, height - MARGIN - ROW, amount, difference)
    key = "red: more than before, blue: less" if difference else "width: amount; callers below"
    if not profile.values:
        key = "this profile is empty"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{MARGIN}" y="20" font-size="15">gomalloc heap: {escape(profile.what)}, '
        f'{escape(amount(profile.total))}</text>',
        f'<text x="{MARGIN}" y="36" fill="#666">{key}</text>', *body, "</svg>", ""])
