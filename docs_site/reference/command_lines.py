"""Commands and options of the command line, from its parsers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import evaluate
import sweep
import train
from agents.network.onnx_export import export_parser
from changeover.__main__ import COMMANDS
from changeover.commands.check import check_parser
from changeover.commands.demo import demo_parser
from changeover.commands.plan import plan_parser
from changeover.commands.what_if import what_if_parser
from docs_site.reference.markdown_tables import as_code, markdown_table
from evaluation.curves import curves_parser
from scheduler.command_options import scheduler_parser

COMMAND_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "plan": plan_parser,
    "what-if": what_if_parser,
    "check": check_parser,
    "train": train.make_parser,
    "sweep": sweep.make_parser,
    "evaluate": evaluate.make_parser,
    "curves": curves_parser,
    "export": export_parser,
    "scheduler": scheduler_parser,
    "demo": demo_parser,
}
"""Parsers of the commands that have options of their own."""

SHORT_FORMS = {
    "tune": ("changeover evaluate --tune", "changeover evaluate"),
    "serve": ("changeover scheduler serve", "changeover scheduler serve"),
}
"""Commands that stand for a longer one: that one, and the command whose options they take."""

_DEFAULT = re.compile(r"\s*\(default: (.*)\)$", re.DOTALL)
_OPTION = re.compile(r"(?<![\w`-])(--[a-z][a-z-]+)")
_SWITCHES = (argparse._StoreTrueAction, argparse._HelpAction)


def command_tables() -> dict[str, str]:
    """Return the list of commands, and a section for each with its options."""
    rows = [
        [f"[`changeover {name}`](#{_anchor(f'changeover {name}')})", command.summary]
        for name, command in COMMANDS.items()
    ]
    sections = [part for name in COMMANDS for part in _command_sections(name)]
    return {
        "commands": markdown_table(["command", "purpose"], rows),
        "options": "\n\n".join(sections),
    }


def _command_sections(name: str) -> Iterator[str]:
    """Yield the section of a command, and those of its own commands."""
    title = f"changeover {name}"
    if name in SHORT_FORMS:
        long, target = SHORT_FORMS[name]
        yield (
            f"## `{title}`\n\n{_sentence(COMMANDS[name].summary)}\n\n"
            f"The same as `{long}`, with the options of [`{target}`](#{_anchor(target)})."
        )
        return
    parser = COMMAND_PARSERS[name]()
    inner = inner_commands(parser)
    text = _sentence(COMMANDS[name].summary)
    yield f"## `{title}`\n\n{text}" + ("" if inner else f"\n\n{_usage(title, parser)}")
    for each, summary, below in inner:
        usage = _usage(f"{title} {each}", below)
        yield f"### `{title} {each}`\n\n{_sentence(summary)}\n\n{usage}"


def inner_commands(
    parser: argparse.ArgumentParser,
) -> list[tuple[str, str, argparse.ArgumentParser]]:
    """Return name, summary and parser of each command of a parser."""
    return [
        (str(choice.dest), choice.help or "", action.choices[choice.dest])
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    ]


def _usage(title: str, parser: argparse.ArgumentParser) -> str:
    """Return the synopsis of a command, and a table for each group of arguments and options."""
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    arguments = [action for action in actions if not action.option_strings]
    options = [action for action in actions if action.option_strings]
    needed = [action for action in options if action.required]
    rest = ["[OPTION ...]"] if len(needed) < len(options) else []
    synopsis = " ".join([title, *map(_synopsis, [*arguments, *needed]), *rest])
    own = {id(action) for group in _titled_groups(parser) for action in group._group_actions}
    first = [action for action in (*arguments, *needed) if id(action) not in own]
    plain = [action for action in options if id(action) not in own and action not in needed]
    tables = [_list_actions([*first, *plain])] if first or plain else []
    for group in _titled_groups(parser):
        text = f"**{_sentence(group.title or '')}** {group.description or ''}".rstrip()
        tables.append(f"{text}\n\n{_list_actions(group._group_actions)}")
    return "\n\n".join([f"```usage\n{synopsis}\n```", *tables])


def _titled_groups(parser: argparse.ArgumentParser) -> list[argparse._ArgumentGroup]:
    """Return the groups that the command itself has made."""
    return [group for group in parser._action_groups[2:] if group._group_actions]


def _list_actions(actions: list[argparse.Action]) -> str:
    rows = [[as_code(_signature(action)), *_default_and_meaning(action)] for action in actions]
    return markdown_table(["argument, option", "default", "meaning"], rows)


def _synopsis(action: argparse.Action) -> str:
    if action.option_strings:
        return _signature(action)
    name = _metavar(action)
    return {"?": f"[{name}]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _signature(action: argparse.Action) -> str:
    """Return an option with its value, or the name of an argument."""
    if not action.option_strings:
        return _metavar(action)
    names = ", ".join(action.option_strings)
    return names if isinstance(action, _SWITCHES) else f"{names} {_metavar(action)}"


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar is None and action.choices is not None and action.option_strings:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.metavar or action.dest.upper()


def _default_and_meaning(action: argparse.Action) -> tuple[str, str]:
    """Return the default and the meaning of an argument or option."""
    text = " ".join(((action.help or "") % vars(action)).split())
    match = _DEFAULT.search(text)
    if match is not None:
        default = as_code(match[1]) if match[1] == _value(action.default) else match[1]
    elif action.required and action.nargs not in ("?", "*"):
        default = "required"
    else:
        default = as_code(_value(action.default))
    return default, _OPTION.sub(r"`\1`", _DEFAULT.sub("", text))


def _value(default: object) -> str:
    """Return a default as people type it; empty for none."""
    if default is None or default is False or default == [] or default is argparse.SUPPRESS:
        return ""
    if isinstance(default, Path):
        return default.as_posix()
    return f"{default:g}" if isinstance(default, float) else str(default)


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _anchor(title: str) -> str:
    """Return the anchor of a heading."""
    return title.replace(" ", "-")
