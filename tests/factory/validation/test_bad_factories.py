"""Malformed factories: each gets one clear line with file, place, value, rule and remedy, and
nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from factory.io.factory_toml import load_factory
from factory.model import Factory, Option, OptionValue
from factory.simulation.load import load
from factory.validation.errors import FactoryError
from factory.validation.factory import MAX_PRODUCTS, check_factory
from tests.builders.kart_factory import FACTORY, karts

Read = Callable[[str], Factory]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Write a text to ``karts.toml`` and load it."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(text: str) -> Factory:
        Path("karts.toml").write_text(text, encoding="utf-8")
        return load_factory("karts.toml")

    return write_and_load


def test_the_factory_that_is_spoilt_below_is_sound(read: Read) -> None:
    factory = read(FACTORY)
    assert [machine.name for centre in factory.work_centres for machine in centre.machines] == [
        "cell-1",
        "cell-2",
        "booth",
    ]


WRONG_TYPE = [
    ("crews = 1", 'crews = "3"', "crews = '3'", "must be a whole number", "Write one, without quotes or decimal point"),
    ("crews = 1", "crews = true", "crews = True", "must be a whole number", "Write one, without quotes or decimal point"),
    ("process_time = 6", "process_time = 12.5",
     "product.kart.coat.process_time = 12.5", "must be a whole number", "Write one, without quotes or decimal point"),
    ("speed = 1.0", 'speed = "fast"', "machine.cell-1.speed = 'fast'", "must be a number", "Write one, without quotes"),
    ('name = "karts"', "name = 7", "name = 7", "must be a text", "Put it in quotes"),
    ('name = "karts"', "name = 2026-03-01", "name = 2026-03-01", "must be a text", "Put it in quotes"),
    ("needs_material = true", "needs_material = 1", "product.kart.coat.needs_material = 1", "must be true or false", "Write one of them, without quotes"),
    ('after = ["weld"]', 'after = "weld"', "product.kart.coat.after = 'weld'", "must be a list", "Put it in [brackets]"),
    ("batch = [1, 2]", "batch = [1, 2, 3]", "demand.batch = [1, 2, 3]", "must have 2 entries, not 3", "Remove what is too much"),
    ("batch = [1, 2]", "batch = [1]", "demand.batch[1] = nothing", "is required", "Add it"),
    ("mix = { kart = 1.0 }", "mix = 1.0", "demand.regime.rush.mix = 1.0", "must be a table", "Write { name = value, ... }"),
    ("[uncertainty]\ncv = 0.1", "[[uncertainty]]\ncv = 0.1",
     "uncertainty = [{'cv': 0.1, 'rework_probability': 0.02}]", "must be a table", "Write { key = value, ... }, or a [table] of its own"),
    ('combine = "max"', 'combine = "mean"', "work_centre.cell.combine = 'mean'", "is not one of the choices", "Write 'max' or 'sum'"),
    ("time = [[0, 3], [2, 0]]", 'time = [[0, "3"], [2, 0]]',
     "work_centre.cell.tool.time[0][1] = '3'", "must be a whole number", "Write one, without quotes or decimal point"),
    ('name = "paint"\n', "", "work_centres[1].name = nothing", "is required", "Add it"),
]  # fmt: skip

UNKNOWN = [
    ("process_time = 6", "proces_time = 6", "product.kart.coat.proces_time = 6", "there is no such key", "Write 'process_time', if that is meant"),
    ("crews = 1", "crew = 1", "crew = 1", "there is no such key", "Write 'crews', if that is meant"),
    ("default = 2", "defualt = 2", "transport.defualt = 2", "there is no such key", "Write 'default', if that is meant"),
    ("share = 0.3", "portion = 0.3\n  share = 0.3",
     "demand.customer.racer.portion = 0.3", "there is no such key", "Write one of 'name', 'share', 'weight', 'allowance'"),
    ("time = 3, ", "tim = 3, ", "option.colour.coal.effects[0].tim = 3", "there is no such key", "Write 'time', if that is meant"),
    ('work_centre = "paint"', 'work_centre = "pant"',
     "product.kart.coat.work_centre = 'pant'", "there is no such work centre", "Write 'paint', if that is meant"),
    ('after = ["weld"]', 'after = ["wield"]',
     "product.kart.coat.after = 'wield'", "there is no such operation of the product", "Write 'weld', if that is meant"),
    ('after = ["weld"]', 'after = ["coat"]', "product.kart.coat.after = 'coat'", "an operation cannot come after itself", "Remove it"),
    ('after = ["weld"]', 'after = ["weld", "weld"]', "product.kart.coat.after = 'weld'", "a predecessor is named once", "Remove all but one"),
    ("cell-2 = 5 }", "booth = 5 }",
     "product.kart.weld.machine_times = 'booth'", "there is no such machine in work centre cell", "Write one of 'cell-1', 'cell-2'"),
    ("{ cell-1 = 4, cell-2 = 5 }", "{}", "product.kart.weld.machine_times = {}", "no machine is eligible", "Name at least one machine, or use process_time"),
    ('setup = { tool = "fit" }', 'setup = { jig = "fit" }', "product.kart.fit.setup = 'jig'", "work centre cell has no such attribute", "Write one of 'tool'"),
    ('setup = { tool = "fit" }', 'setup = { tool = "fits" }',
     "product.kart.fit.setup.tool = 'fits'", "is not a value of the attribute", "Write 'fit', if that is meant"),
    ('initial_setup = { tool = "weld" }', 'initial_setup = { tool = "cut" }',
     "machine.cell-1.initial_setup.tool = 'cut'", "is not a value of the attribute", "Write one of 'weld', 'fit'"),
    ("setup_time = { tool =", "setup_time = { colour =",
     "machine.cell-2.setup_time = 'colour'", "there is no such attribute of work centre cell", "Write one of 'tool'"),
    ('colour = "black" }', 'colour = "blck" }',
     "option.colour.coal.effects.coat.colour = 'blck'", "is not a value of the attribute", "Write 'black', if that is meant"),
    ('{ operation = "coat", time', '{ operation = "coats", time',
     "option.colour.coal.effects = 'coats'", "there is no such operation of a product with this option", "Write 'coat', if that is meant"),
    ('products = ["kart"]', 'products = ["kart", "cart"]', "option.colour.products = 'cart'", "there is no such product", "Write 'kart', if that is meant"),
    ("trailer = 1.0 }", "trailler = 1.0 }", "demand.regime.calm.mix = 'trailler'", "there is no such product", "Write 'trailer', if that is meant"),
    ("options = { colour = {", "options = { color = {", "demand.regime.calm.options = 'color'", "there is no such option", "Write 'colour', if that is meant"),
    ("coal = 2.0", "cole = 2.0", "demand.regime.calm.options.colour = 'cole'", "there is no such value of the option", "Write 'coal', if that is meant"),
    ("customers = { club = 2.0 }", "customers = { clubs = 2.0 }",
     "demand.regime.rush.customers = 'clubs'", "there is no such customer class", "Write 'club', if that is meant"),
    ('[["cell", "paint", 5]]', '[["cell", "pain", 5]]', "transport.times = 'pain'", "there is no such work centre", "Write 'paint', if that is meant"),
    ('[["black", "white"]]', '[["black", "whit"]]',
     "work_centre.paint.colour.forbidden = 'whit'", "is not a value of the attribute", "Write 'white', if that is meant"),
]  # fmt: skip

NAMES = [
    ('name = "paint"', 'name = "cell"', "work_centre.name = 'cell'", "the names of work centres must differ, and 2 are called so", "Rename all but one"),
    ('name = "booth"', 'name = "cell-1"', "machine.name = 'cell-1'", "the names of machines must differ, and 2 are called so", "Rename all but one"),
    ('name = "trailer"', 'name = "kart"', "product.name = 'kart'", "the names of products must differ, and 2 are called so", "Rename all but one"),
    ('name = "fit"', 'name = "coat"', "product.kart.operation.name = 'coat'", "the names of operations must differ, and 2 are called so", "Rename all but one"),
    ('["weld", "fit"]', '["weld", "weld"]',
     "work_centre.cell.tool.values = 'weld'", "the names of values must differ, and 2 are called so", "Rename all but one"),
    ('name = "coal"', 'name = "snow"', "option.colour.value.name = 'snow'", "the names of values must differ, and 2 are called so", "Rename all but one"),
    ('name = "rush"', 'name = "calm"', "demand.regime.name = 'calm'", "the names of demand regimes must differ, and 2 are called so", "Rename all but one"),
    ('name = "racer"', 'name = "club"',
     "demand.customer.name = 'club'", "the names of customer classes must differ, and 2 are called so", "Rename all but one"),
    ('[[options]]\nname = "colour"', '[[options]]\nname = "weight"', "option.name = 'weight'", "is a column of every order book", "Choose another name"),
    ('name = "trailer"', 'name = ""', "product.name = ''", "products must have a name", "Give each one"),
    ('name = "trailer"', 'name = "trailer "', "product.name = 'trailer '", "the names of products must not begin or end with blanks", "Write 'trailer'"),
]  # fmt: skip

MATRICES = [
    ("[12, 10, 0]]", "[12, 10, 12]]", "work_centre.paint.colour.time[2][2] = 12", "staying in a setup must take 0", "Set it to 0"),
    ("cost = [[0, 5], [4, 0]]", "cost = [[0, 5], [4, 1.5]]", "work_centre.cell.tool.cost[1][1] = 1.5", "staying in a setup must cost 0", "Set it to 0"),
    ("[4, 2, 0]]", "[4, 2, 1]]", "work_centre.paint.colour.waste[2][2] = 1.0", "staying in a setup must waste 0", "Set it to 0"),
    ("[[0, 4], [5, 0]]", "[[0, 4], [5, 6]]", "machine.cell-2.setup_time.tool[1][1] = 6", "staying in a setup must take 0", "Set it to 0"),
    ("time = [[0, 3], [2, 0]]", "time = [[0, 3]]",
     "work_centre.cell.tool.time = 1 rows", "must be a square matrix [from][to] over the 2 values", "Give 2 rows of 2 numbers"),
    ("[9, 0, 7]", "[9, 0]", "work_centre.paint.colour.time[1] = 2 numbers", "must be a square matrix [from][to] over the 3 values", "Give 3 numbers"),
    ("time = [[0, 3], [2, 0]]", "time = [[0, -3], [2, 0]]", "work_centre.cell.tool.time[0][1] = -3", "must not be negative", "Write 0 or more"),
    ("[[0, 4], [5, 0]]", "[[0, 4], [-5, 0]]", "machine.cell-2.setup_time.tool[1][0] = -5", "must not be negative", "Write 0 or more"),
    ("cost = [[0, 5], [4, 0]]", "cost = [[0, nan], [4, 0]]", "work_centre.cell.tool.cost[0][1] = nan", "must be a finite number", "Write the number"),
    ('[["black", "white"]]', '[["black", "black"]]',
     "work_centre.paint.colour.forbidden = 'black'", "staying in a setup cannot be forbidden", "Remove the pair"),
    ('[["black", "white"]]', '[["black", "white"], ["black", "red"]]',
     "work_centre.paint.colour.forbidden = 'black' -> 'white'",
     "a forbidden pair makes operation coat of kart with colour snow unreachable on machine booth, as no way leads round it",
     "Allow this changeover, or those of a way round it"),
]  # fmt: skip

NUMBERS = [
    ("process_time = 6", "process_time = -6", "product.kart.coat.process_time = -6", "must not be negative", "Write 0 or more"),
    ("process_time = 6", "process_time = 10000001",
     "product.kart.coat.process_time = 10000001", "must be at most 10000000", "Use a coarser tick (tick_minutes) or a smaller number"),
    ("process_time = 6", f"process_time = 1{'0' * 30}",
     f"product.kart.coat.process_time = 1{'0' * 30}", "must be at most 10000000", "Use a coarser tick (tick_minutes) or a smaller number"),
    ("launch_date = 600", "launch_date = 1099511627777",
     "product.trailer.launch_date = 1099511627777", "must be at most 1099511627776", "Use a coarser tick (tick_minutes) or a smaller number"),
    ("weight = 4", "weight = 4e12", "demand.customer.racer.weight = 4000000000000.0", "must be at most 1000000000000.0", "Use a larger unit"),
    ("time = 3, ", "time = -3, ", "option.colour.coal.effects[0].time = -3", "must not be negative", "Write 0 or more"),
    ("cell-2 = 5 }", "cell-2 = -5 }", "product.kart.weld.machine_times.cell-2 = -5", "must not be negative", "Write 0 or more"),
    ("tick_minutes = 1.0", "tick_minutes = nan", "tick_minutes = nan", "must be a finite number", "Write the number"),
    ("tick_minutes = 1.0", "tick_minutes = 0", "tick_minutes = 0.0", "must be from 1e-06 to 60", "Write the minutes of one tick, such as 1.0"),
    ("start_hour = 6", "start_hour = 24", "start_hour = 24", "must be from 0 to 23", "Write the hour of the day at tick 0"),
    ("crews = 1", "crews = 0", "crews = 0", "must be from 1 to 10000000", "Write at least 1, or leave it out for one a machine"),
    ("longest_wait = 20", "longest_wait = 0", "work_centre.cell.longest_wait = 0", "must be from 1 to 10000000", "Write at least 1 tick, or leave it out"),
    ("speed = 1.0", "speed = 0.0", "machine.cell-1.speed = 0.0", "must be from 0.001 to 1000", "Write a factor such as 1.0"),
    ("speed = 1.0", "speed = inf", "machine.cell-1.speed = inf", "must be a finite number", "Write the number"),
    ("idle_power = 0.5", "idle_power = -0.5", "machine.cell-1.idle_power = -0.5", "must not be negative", "Write 0 or more"),
    ("  mean_time_to_repair = 30\n", "",
     "machine.cell-1.mean_time_to_repair = nothing", "failures need both mean_time_to_failure and mean_time_to_repair", "Give both or neither"),
    ("mean_time_to_failure = 500", "mean_time_to_failure = 0",
     "machine.cell-1.mean_time_to_failure = 0", "must be from 1 to 10000000", "Leave it out for a machine that never fails"),
    ("process_time = 6", "process_time = 6\n  machine_times = { booth = 6 }",
     "product.kart.coat.process_time = both", "either process_time or machine_times must be given", "Write exactly one of them"),
    ("  process_time = 6\n", "", "product.kart.coat.process_time = neither", "either process_time or machine_times must be given", "Write exactly one of them"),
    ("cv = 0.2", "cv = 3.5", "product.kart.weld.cv = 3.5", "must be from 0 to 3", "Write standard deviation over mean, such as 0.2"),
    ("rework_probability = 0.02", "rework_probability = 1.2",
     "uncertainty.rework_probability = 1.2", "must be from 0 to 1", "Write a probability, such as 0.05"),
    ("late_probability = 0.05", "late_probability = 5", "material.steady.late_probability = 5.0", "must be from 0 to 1", "Write a probability, such as 0.1"),
    ("mean_lateness = 60", "mean_lateness = 0",
     "material.steady.mean_lateness = 0", "must be from 1 to 10000000", "Write the mean ticks by which late material is late"),
    ("[0.2, 0.2, ", "[0.2, ", "tariff.price = 23 numbers", "must have one for each hour of the day", "Give 24"),
    ('["cell", "paint", 5]', '["cell", "cell", 5]', "transport.times = 'cell' -> 'cell'", "transport within a work centre takes no time", "Remove the entry"),
    ('["cell", "paint", 5]', '["cell", "paint", 5], ["cell", "paint", 6]', "transport.times = 'cell' -> 'paint'", "is given twice", "Keep one of the entries"),
    ('["cell", "paint", 5]', '["cell", "paint", -5]', "transport.times[0][2] = -5", "must not be negative", "Write 0 or more"),
    ("tardiness = 60.0", "tardiness = -60.0", "costs.tardiness = -60.0", "must not be negative", "Write 0 or more"),
    ("scale = 100.0", "scale = 0.0",
     "costs.scale = 0.0", "must be above 0 and at most 1000000000000.0", "Write what an episode usually costs, or leave it out to have it measured"),
]  # fmt: skip

DEMAND = [
    ("num_orders = 40", "num_orders = 0", "demand.num_orders = 0", "must be from 1 to 100000", "Write the number of orders in an episode"),
    ("initial_orders = 4", "initial_orders = 41",
     "demand.initial_orders = 41", "must be at most num_orders = 40", "Write how many of them are there at the start"),
    ("batch = [1, 2]", "batch = [3, 2]", "demand.batch = [3, 2]", "must be two whole numbers with 1 <= low <= high <= 1000", "Write [1, 1] for single orders"),
    ("interarrival_time = 8", "interarrival_time = 0",
     "demand.regime.rush.interarrival_time = 0.0", "must be from 0.001 to 10000000", "Write the mean ticks between arrivals"),
    ("  duration = 300\n", "", "demand.regime.rush.duration = nothing", "regimes that take turns need a mean duration", "Write it, in ticks"),
    ("mix = { kart = 1.0 }", "mix = { kart = 0.0 }",
     "demand.regime.rush.mix = {'kart': 0.0}", "a product that is on sale from the start must have a positive share", "Give one a share above 0"),
    ("mix_end = { kart = 1.0, ", "mix_end = { ",
     "demand.regime.rush.mix_end = {'trailer': 2.0}", "a product that is on sale from the start must have a positive share", "Give one a share above 0"),
    ("{ kart = 3.0, trailer", "{ kart = -3.0, trailer", "demand.regime.calm.mix.kart = -3.0", "must not be negative", "Write 0 or more"),
    ("{ snow = 1.0, coal = 2.0 }", "{ snow = 0.0 }",
     "demand.regime.calm.options.colour = {'snow': 0.0}", "one value must have a positive share", "Give a value a share above 0"),
    ("customers = { club = 2.0 }", "customers = { club = 0.0, racer = 0.0 }",
     "demand.regime.rush.customers = {'club': 0.0, 'racer': 0.0}", "one customer class must have a positive share", "Give a class a share above 0"),
    ("allowance = [1.5, 4.0]", "allowance = [4.5, 4.0]",
     "demand.customer.club.allowance = [4.5, 4.0]", "must be two numbers with low <= high <= 1000", "Write multiples of the order's work, such as [1.5, 4.0]"),
    ('after = ["weld"]', 'after = ["fit"]',
     "product.kart.operations = coat after fit after coat", "operations that wait for each other can never start", "Remove one of the entries in `after`"),
]  # fmt: skip

CASES = [*WRONG_TYPE, *UNKNOWN, *NAMES, *MATRICES, *NUMBERS, *DEMAND]


@pytest.mark.parametrize(
    ("old", "new", "found", "rule", "remedy"),
    CASES,
    ids=[f"{case[2]}; {case[3]}"[:80] for case in CASES],
)
def test_a_spoilt_factory_is_refused_in_one_line(
    read: Read, old: str, new: str, found: str, rule: str, remedy: str
) -> None:
    assert old in FACTORY
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace(old, new, 1))
    assert str(refusal.value) == f"karts.toml: {found}; {rule}. {remedy}."


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "",
            [
                "name = nothing; is required. Add it.",
                "work_centres = nothing; is required. Add it.",
                "products = nothing; is required. Add it.",
            ],
        ),
        (
            'name = "x"\nwork_centres = []\nproducts = []',
            [
                "work_centres = []; must not be empty. Add at least one.",
                "products = []; must not be empty. Add at least one.",
            ],
        ),
        (
            'name = "x"\nwork_centres = 1\nproducts = [1]',
            [
                "work_centres = 1; must be a list. Put it in [brackets].",
                (
                    "products[0] = 1; must be a table. Write { key = value, ... }, or a [table] of"
                    " its own."
                ),
            ],
        ),
    ],
    ids=["nothing at all", "nothing inside", "no tables"],
)
def test_every_problem_of_a_factory_is_told_at_once(
    read: Read, text: str, problems: list[str]
) -> None:
    with pytest.raises(FactoryError) as refusal:
        read(text)
    assert str(refusal.value).splitlines() == [f"karts.toml: {problem}" for problem in problems]


def test_empty_lists_inside_are_refused(read: Read) -> None:
    start, end = FACTORY.index("  [[demand.regimes]]"), FACTORY.index("[[material]]")
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY[:start] + "regimes = []\ncustomers = []\n" + FACTORY[end:])
    assert str(refusal.value).splitlines() == [
        "karts.toml: demand.regimes = []; must not be empty. Add at least one.",
        "karts.toml: demand.customers = []; must not be empty. Add at least one.",
    ]


def test_routes_have_at_most_63_operations(read: Read) -> None:
    trailer = "\n".join(
        f'[[products.operations]]\nname = "step{i}"\nwork_centre = "cell"\nprocess_time = 7\n'
        for i in range(63)
    )
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace("[[options]]", f"{trailer}\n[[options]]", 1))
    assert (
        str(refusal.value)
        == "karts.toml: product.trailer.operations = 64 operations; must be at most 63. Merge"
        " operations, or split the product."
    )


def test_options_cannot_add_up_to_more_than_a_duration(read: Read) -> None:
    twice = '{ operation = "coat", time = 6000000 }, { operation = "coat", time = 6000000, setup'
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace('{ operation = "coat", time = 3, setup', twice, 1))
    rule = "the options can add this to operation coat, but must add at most 10000000"
    assert (
        str(refusal.value)
        == f"karts.toml: options = 12000000 ticks; {rule}. Use a coarser tick (tick_minutes) or"
        " smaller numbers."
    )


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(FactoryError) as refusal:
        load_factory("nowhere.toml")
    assert (
        str(refusal.value)
        == "nowhere.toml: cannot be read (No such file or directory). Give the path of a TOML file."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name = karts", "Invalid value (at line 1, column 8)"),
        (b'name = "karts', "Unterminated string (at end of document)"),
        (b'name = "a"\nname = "b"', "Cannot overwrite a value (at end of document)"),
        (
            b"crews = " + b"9" * 5000,
            "Exceeds the limit (4300 digits) for integer string conversion",
        ),
        (b"crews = " + b"[" * 5000, "maximum recursion depth exceeded"),
    ],
    ids=["no quotes", "open string", "key twice", "endless number", "endless nesting"],
)
def test_a_file_that_is_not_toml_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("karts.toml").write_bytes(content)
    with pytest.raises(FactoryError) as refusal:
        load_factory("karts.toml")
    assert str(refusal.value).startswith(f"karts.toml: is not TOML ({reason}")
    assert str(refusal.value).endswith("). Correct the text there.")


def test_long_values_are_cut_short(read: Read) -> None:
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace("crews = 1", f"crews = {list(range(1000))}"))
    shown = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21..."
    assert (
        str(refusal.value)
        == f"karts.toml: crews = {shown}; must be a whole number. Write one, without quotes or"
        " decimal point."
    )


def test_bug_a_process_time_on_a_slow_machine_is_a_duration(read: Read) -> None:
    """9,000,000 ticks at speed 0.5 overflowed 32 bits in the verifier, in the middle of an
    evaluation."""
    slow = FACTORY.replace("process_time = 6", "process_time = 9000000", 1).replace(
        'name = "booth"', 'name = "booth"\n  speed = 0.5', 1
    )
    assert slow.count("9000000") == slow.count("speed = 0.5") == 1
    with pytest.raises(FactoryError) as refusal:
        read(slow)
    rule = (
        "at speed 0.5 of booth that is 18000006 with up to 3 of its options, but must be at most"
        " 10000000"
    )
    remedy = "Correct one of them, or use a coarser tick (tick_minutes)"
    assert (
        str(refusal.value)
        == f"karts.toml: product.kart.coat.process_time = 9000000; {rule}. {remedy}."
    )


def test_bug_a_machine_time_on_a_slow_machine_is_a_duration(read: Read) -> None:
    with pytest.raises(FactoryError) as refusal:
        read(
            FACTORY.replace("cell-1 = 4", "cell-1 = 6000000").replace("speed = 1.0", "speed = 0.4")
        )
    rule = "at speed 0.4 of cell-1 that is 15000000, but must be at most 10000000"
    remedy = "Correct one of them, or use a coarser tick (tick_minutes)"
    assert (
        str(refusal.value)
        == f"karts.toml: product.kart.weld.machine_times = 6000000; {rule}. {remedy}."
    )


def test_bug_options_of_other_products_do_not_lengthen_an_operation(read: Read) -> None:
    """What counts is what an order of the product can be."""
    longest = FACTORY.replace("process_time = 6", "process_time = 9999997", 1)
    assert read(longest).products[0].operations[1].process_time == 9_999_997
    with pytest.raises(FactoryError, match="that is 10000001 with up to 3"):
        read(longest.replace("9999997", "9999998"))


def test_bug_a_launch_date_is_no_calendar_date(read: Read) -> None:
    """As ticks, 20260401 minutes are 38 years: the product was silently never on sale."""
    with pytest.raises(FactoryError) as refusal:
        read(re.sub("launch_date = [0-9]+", "launch_date = 20260401", FACTORY))
    rule = "dates are ticks from the start, but this one reads as 2026-04-01"
    place = "product.trailer.launch_date = 20260401"
    assert str(refusal.value) == f"karts.toml: {place}; {rule}. Count the ticks up to it."


def test_bug_everything_that_is_numbered_fits_its_numbers() -> None:
    many = tuple(OptionValue(name=f"{n}", share=1.0) for n in range(MAX_PRODUCTS + 1))
    factory = karts().model_copy(
        update={"options": (Option(name="serial", values=many),), "demand": None}
    )
    with pytest.raises(FactoryError) as refusal:
        check_factory(factory)
    rule = "must be at most 32767. Group some of them"
    assert str(refusal.value) == f"factory karts: option.serial.values = 32768 entries; {rule}."


# --- factories built in Python --------------------------------------------------------------------


def test_a_factory_built_in_python_is_refused_when_it_is_loaded() -> None:
    factory = karts().model_copy(update={"start_hour": 25})
    with pytest.raises(FactoryError) as refusal:
        load([factory])
    assert (
        str(refusal.value)
        == "factory karts: start_hour = 25; must be from 0 to 23. Write the hour of the day at"
        " tick 0."
    )


def test_loading_needs_demand_or_an_order_book() -> None:
    factory = karts().model_copy(update={"demand": None})
    with pytest.raises(FactoryError) as refusal:
        load([factory])
    assert (
        str(refusal.value)
        == "factory karts: demand = nothing; without an order book there must be a demand. Add"
        " [demand], or give an order book."
    )


def test_loading_needs_a_book_or_none_for_each_factory() -> None:
    factory = karts()
    with pytest.raises(
        ValueError,
        match=(
            "load: 1 factories and 2 order books; there must be one book or None for each factory"
        ),
    ):
        load([factory], [None, None])
    with pytest.raises(ValueError, match="load: no factories; there must be at least one"):
        load([])
