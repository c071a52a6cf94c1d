"""Roles of docstrings, such as ``:class:`envs.env.ChangeoverEnv```, in pages of the site."""

from __future__ import annotations

import re

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):<code>~?([\w.]+)</code>")


def link_roles(html: str) -> str:
    """Return a page's HTML with roles as code, which links names that the page documents.

    Examples
    --------
    >>> link_roles('<h2 id="a.B">B</h2> of :class:<code>a.B</code> and :func:<code>c</code>')
    '<h2 id="a.B">B</h2> of <a href="#a.B"><code>a.B</code></a> and <code>c</code>'
    """

    def show(match: re.Match[str]) -> str:
        code = f"<code>{match[1]}</code>"
        return f'<a href="#{match[1]}">{code}</a>' if f'id="{match[1]}"' in html else code

    return _ROLE.sub(show, html)
