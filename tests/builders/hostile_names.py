"""Names that are special to matplotlib, Markdown, HTML, CSV, TOML, a shell or a file system."""

from __future__ import annotations

from hypothesis import strategies as st

from factory.validation.names import MAX_NAME

NASTY = (
    "$$ white",
    "a$b$c",
    r"$\frac{1}{0}$",
    r"\alpha_{1}^2",
    "_hidden",
    "__proto__",
    "constructor",
    "<script>alert(1)</script>",
    "</svg><!-- & --> &amp; &#36;",
    "a|b||c",
    "`code` ``more``",
    "**bold** _soft_ ~~gone~~ [x](y) # !",
    "=SUM(A1:A9)",
    "+1;-2;@x",
    "quote\" and 'apostrophe'",
    'red=1;"blue"+small',
    "a,b;c\\d",
    "..",
    "../../escape",
    "/etc/passwd",
    "C:\\windows\\nul",
    "CON",
    "a/b",
    "a b",
    "a_b",
    "{0} %s %(name)s {name}",
    "Größe 測試 🚗 שלום",
    "0",
    "None",
    "better",
    "Comparison with the best rule",
    "-rf --help",
    "~",
    "*.toml?",
    "x" * MAX_NAME,
)

UNPRINTABLE = (
    "line\nbreak",
    "carriage\rreturn",
    "tab\tstop",
    "bell\x07",
    "escape\x1b[31m",
    "delete\x7f",
    "right to left\u202egpj",
    "zero\u200bwidth",
    "no\ufeffsign",
)

names = st.sampled_from(NASTY) | st.text(min_size=1, max_size=MAX_NAME).filter(
    lambda name: name.isprintable() and name == name.strip()
)
"""Special names, and any others that a factory may have."""
