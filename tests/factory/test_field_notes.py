"""Notes of fields: bounds that stand beside a key are the bounds that checks hold."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from factory import model
from factory.field_notes import FieldNote, field_notes
from factory.io.catalogue import find_single_factory
from factory.model import (
    Attribute,
    Demand,
    Effect,
    Factory,
    Machine,
    Maintenance,
    Model,
    Operation,
    OperationStaff,
    Option,
    Product,
    StaffGroup,
    StaffNeed,
)
from factory.validation.errors import FactoryError
from factory.validation.factory import MAX_ENTRIES, MAX_OPERATIONS, MAX_PRODUCTS, check_factory
from factory.validation.numbers import MAX_TICKS
from factory.validation.setups import MAX_VALUES


def models() -> list[type[Model]]:
    classes = [value for value in vars(model).values() if isinstance(value, type)]
    return [each for each in classes if issubclass(each, Model) and each is not Model]


def outside(note: FieldNote) -> list[float]:
    """Return a value below the bounds of a note, and one above, as far as there are bounds."""
    below = [] if note.low is None else [note.low - 1 if note.low == int(note.low) else 0.0]
    return [*below, *([] if note.high is None else [note.high + 1])]


WRONG = [
    pytest.param(owner, key, value, id=f"{owner.__name__}.{key}={value:g}")
    for owner in models()
    for key, note in field_notes(owner).items()
    for value in outside(note)
]
"""Keys with bounds, and values outside of them."""


def replace_key(data: Any, here: type[Model], owner: type[Model], key: str, value: float) -> int:
    """Replace all values of a key of a model in a factory's tables; return their number."""
    count = 0
    if here is owner:
        data[key] = int(value)
        count = 1
    for name, field in here.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None and data[name] is not None:
            parts = data[name] if isinstance(data[name], list) else [data[name]]
            count += sum(replace_key(part, inner, owner, key, value) for part in parts)
    return count


def _model_in(annotation: Any) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((each for part in get_args(annotation) if (each := _model_in(part))), None)


def full_factory() -> Factory:
    """Return a shipped factory, with people and maintenance added."""
    factory = find_single_factory("supply_shock")
    centre, *others = factory.work_centres
    kind = Maintenance(name="clean", every=100, time=5)
    machines = [item.model_copy(update={"maintenance": (kind,)}) for item in centre.machines]
    need = StaffNeed(skill="fit")
    centre = centre.model_copy(update={"machines": tuple(machines), "changeover_staff": need})
    product, *rest = factory.products
    staff = OperationStaff(skill="fit")
    operations = [item.model_copy(update={"staff": staff}) for item in product.operations]
    product = product.model_copy(update={"operations": tuple(operations)})
    return factory.model_copy(
        update={
            "work_centres": (centre, *others),
            "products": (product, *rest),
            "staff": (StaffGroup(name="fitters", count=9),),
        }
    )


@pytest.mark.parametrize(("owner", "key", "value"), WRONG)
def test_a_value_outside_the_bounds_of_its_note_is_refused(
    owner: type[Model], key: str, value: float
) -> None:
    added = (Maintenance, StaffGroup, StaffNeed, OperationStaff)
    factory = full_factory() if owner in added else find_single_factory("supply_shock")
    data = json.loads(factory.model_dump_json())
    assert replace_key(data, Factory, owner, key, value) > 0
    with pytest.raises(FactoryError, match=rf"{key} = .*must"):
        check_factory(Factory.model_validate_json(json.dumps(data)))


@pytest.mark.parametrize(
    ("owner", "key", "limit"),
    [
        (Product, "operations", MAX_OPERATIONS),
        (Factory, "products", MAX_PRODUCTS),
        (Factory, "work_centres", MAX_ENTRIES),
        (Option, "values", MAX_ENTRIES),
        (Attribute, "values", MAX_VALUES),
        (Demand, "customers", MAX_ENTRIES),
        (Operation, "process_time", MAX_TICKS),
        (Effect, "time", MAX_TICKS),
    ],
)
def test_a_rule_in_words_names_the_limit_of_the_check(
    owner: type[Model], key: str, limit: int
) -> None:
    words = field_notes(owner)[key].bounds.replace(",", "")
    assert str(limit) in words.split()


def test_a_field_without_a_note_has_an_empty_one() -> None:
    assert field_notes(Attribute)["values"].unit == ""
    assert field_notes(Machine)["idle_power"].unit == "kW"
    assert field_notes(Product)["launch_date"].low is None
