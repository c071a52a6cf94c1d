"""Roles of docstrings in pages of the site."""

from __future__ import annotations

from docs_site.docstring_roles import link_roles


def test_a_role_links_a_name_that_the_page_documents() -> None:
    html = '<h3 id="envs.env.Env">Env</h3><p>See :class:<code>envs.env.Env</code>.</p>'
    assert '<a href="#envs.env.Env"><code>envs.env.Env</code></a>' in link_roles(html)


def test_a_role_of_another_name_becomes_code() -> None:
    assert link_roles("<p>:meth:<code>~a.b</code></p>") == "<p><code>a.b</code></p>"


def test_other_code_is_left_alone() -> None:
    assert link_roles("<p>a: <code>b</code></p>") == "<p>a: <code>b</code></p>"
