"""The choices of a decision as a table with names, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.env import ChangeoverEnv
from envs.observation.candidate_columns import CANDIDATES
from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.routes import operation_order
from factory.schedule.record_kinds import OrderRecord
from factory.simulator import SimulatorChoice
from factory.validation.arguments import check_instance

if TYPE_CHECKING:
    import pandas

_FLAGS = ("is_job", "is_changeover", "is_wait")
_ACTIONS = {"job": "start", "changeover": "change over", "maintenance": "maintain", "wait": "wait"}


def tabulate_choices(env: Any) -> pandas.DataFrame:
    """Return the legal rows of the present decision, each under its number.

    The columns are ``action``, ``order``, ``operation``, ``setup`` (wanted by the operation, or
    mounted by the changeover), and those of ``candidates``.

    Parameters
    ----------
    env
        A :class:`envs.env.ChangeoverEnv`, in wrappers or not.
    """
    import pandas

    shop = getattr(env, "unwrapped", env)
    check_instance("choices: env", shop, (ChangeoverEnv,), "an environment of changeover.make")
    legal = [choice for choice in shop.choices() if choice.legal]
    orders = shop.schedule().orders
    named = [_name_choice(choice, shop.factory, orders) for choice in legal]
    rows = [choice.row for choice in legal]
    names = pandas.DataFrame(named, index=rows, columns=["action", "order", "operation", "setup"])
    values = pandas.DataFrame(
        shop.candidates[rows], index=rows, columns=[column.name for column in CANDIDATES]
    )
    frame = names.join(values.drop(columns=[*_FLAGS]))
    frame.index.name = "row"
    return frame


def _name_choice(
    choice: SimulatorChoice, factory: Factory, orders: tuple[OrderRecord, ...]
) -> tuple[str, str, str, str]:
    action = _ACTIONS[choice.kind]
    if choice.kind == "wait":
        return action, "", "", ""
    order = orders[choice.order]
    product = next(each for each in factory.products if each.name == order.product)
    operation = product.operations[operation_order(product)[choice.operation]]
    centre = next(each for each in factory.work_centres if each.name == operation.work_centre)
    wanted = FactoryLookup(factory).tasks(order.product, order.options)[choice.operation].wanted
    values: tuple[str | None, ...] = wanted
    if choice.kind == "changeover":
        values = tuple(
            attribute.values[value]
            for attribute, value in zip(centre.attributes, choice.target, strict=True)
        )
    setup = ", ".join(
        f"{attribute.name}: {value}"
        for attribute, value in zip(centre.attributes, values, strict=True)
        if value is not None
    )
    return action, order.order_id, operation.name, setup
