"""List of the shipped factories, with their sizes and a small picture of each."""

from __future__ import annotations

from pathlib import Path

from evaluation.reporting.markdown import escape
from factory.generation.offered_load import offered_load
from factory.io.catalogue import find_factory, shipped
from factory.model import Factory


def write_factory_index(folder: Path) -> None:
    """Write ``index.md``, which shows the preview of each factory's page.

    Parameters
    ----------
    folder
        Folder, which exists.
    """
    sections = [
        "# Shipped factories",
        "Twelve factories ship with the project, in `configs/factories`."
        if len(shipped()) == 12
        else f"{len(shipped())} factories ship with the project, in `configs/factories`.",
        "Each has a page with its layout, changeover matrices, load, an episode and results."
        " [Factory files](../factories.md) explain how to write your own.",
        '<div class="grid cards" markdown>',
        "\n\n".join(_card(name) for name in order_names()),
        "</div>",
    ]
    (folder / "index.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def order_names() -> list[str]:
    """Return the names of the shipped factories: the default first, then by name."""
    return sorted(shipped(), key=lambda name: (name != "microfactory", name))


def _card(name: str) -> str:
    source = find_factory(name)
    lines = [
        f"- **[{escape(name)}]({name}.md)**",
        f"    [![Shop floor]({name}-preview.png)]({name}.md)",
    ]
    if isinstance(source, Factory):
        lines.append(f"    {escape(source.description)}.")
        lines.append(f"    {_describe_size(source)}")
    else:
        low, high = source.machines
        orders = source.num_orders
        lines.append("    A new factory for each seed, within ranges.")
        lines.append(f"    {low} to {high} machines, {orders[0]} to {orders[1]} orders")
    return "\n\n".join(lines)


def _describe_size(factory: Factory) -> str:
    machines = sum(len(centre.machines) for centre in factory.work_centres)
    parts = [f"{machines} machines", f"{len(factory.work_centres)} work centres"]
    parts.append(f"{len(factory.products)} product{'s' if len(factory.products) > 1 else ''}")
    if factory.demand is not None:
        parts.append(f"{factory.demand.num_orders} orders")
        if factory.demand.initial_orders < factory.demand.num_orders:
            parts.append(f"load {max(offered_load(factory).values()):.2f}")
    return ", ".join(parts)
