"""Networks and loggers of users in a training run, with the examples of docs/training.md."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from agents.network.custom_network import CLASS_FILE, CustomNetwork
from agents.network.trained_policy import PolicyError, load_any_policy, load_policy
from agents.policy import as_observation
from agents.ppo.sb3_checkpoints import load_checkpoint
from agents.training.config import parse_config, read_config, to_toml
from agents.training.config_errors import ConfigError
from agents.training.user_hooks import open_logging_hook
from agents.user_code import UserCodeError, load_user_code
from tests.builders.markdown_pages import file_of_page
from tests.builders.networks import batch_of
from tests.builders.training_runs import trainer

SHORT = {"total_timesteps": 256}

Write = Callable[..., str]


def example(file: str) -> str:
    """Return the code block of the guide that begins with the name of the file."""
    return file_of_page("docs/training.md", file)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file of a user and returns its setting."""

    def write_file(text: str, name: str = "Net", file: str = "mine.py") -> str:
        (tmp_path / file).write_text(text, encoding="utf-8")
        return f"{tmp_path / file}:{name}"

    return write_file


def run_of(folder: Path, setting: str, **network: Any) -> Any:
    changes = {
        "network": {"class": setting, **network},
        "learning": SHORT,
        "logging": {"validation_interval": 1},
    }
    return trainer(folder / "run", changes)  # type: ignore[arg-type]


# --- networks -------------------------------------------------------------------------------------


def test_the_network_of_the_guide_learns_and_its_policy_decides(
    write: Write, tmp_path: Path
) -> None:
    run = run_of(tmp_path, write(example("mine.py")))
    run._open()
    before = {name: value.clone() for name, value in run.model.policy.state_dict().items()}
    run.begin()
    after = run.model.policy.state_dict()
    learnt = {name for name in after if not torch.equal(before[name], after[name])}
    assert {"network.own.score.0.weight", "network.own.value.2.bias"} <= learnt
    assert any(name.startswith("critic.") for name in learnt)
    (tmp_path / "mine.py").unlink()
    batch = batch_of("microfactory")
    observation = as_observation(batch.tables)
    rows = load_checkpoint(tmp_path / "run" / "policy").decide(observation)
    assert batch.tables.action_mask[np.arange(batch.num_envs), rows].all()


def test_an_untrained_network_that_returns_zeros_decides_as_its_prior(
    write: Write, tmp_path: Path
) -> None:
    own = run_of(tmp_path, write(example("mine.py")))
    ours = trainer(tmp_path / "ours")
    batch = batch_of("microfactory")
    rows = []
    for run in (own, ours):
        run._open()
        rows.append(run.ema_policy().decide(as_observation(batch.tables)).tolist())
    assert rows[0] == rows[1]


def test_values_stay_the_same_when_returns_are_renormalised(write: Write, tmp_path: Path) -> None:
    run = run_of(tmp_path, write(example("mine.py")))
    run._open()
    policy, batch = run.model.policy, batch_of("microfactory")
    tables = {
        name: torch.from_numpy(np.array(table))
        for name, table in as_observation(batch.tables).items()
    }
    with torch.no_grad():
        before = policy.predict_values(tables)
        policy.renormalise(np.linspace(-9.0, 3.0, 100, dtype=np.float32), 0.5)
        torch.testing.assert_close(policy.predict_values(tables), before, rtol=1e-4, atol=1e-5)


def test_a_run_with_an_own_network_resumes_unless_its_file_has_changed(
    write: Write, tmp_path: Path
) -> None:
    setting = write(example("mine.py"))
    run_of(tmp_path, setting).begin()
    run = run_of(tmp_path, setting)
    run.resume()
    assert run.model.num_timesteps == 256
    write(example("mine.py").replace("nn.ReLU()", "nn.Tanh()"))
    with pytest.raises(ValueError, match=r"network\.class: its file is not the one of the check"):
        run_of(tmp_path, setting).resume()


def test_a_changed_copy_of_the_class_is_refused(write: Write, tmp_path: Path) -> None:
    run_of(tmp_path, write(example("mine.py"))).begin()
    copy = tmp_path / "run" / "policy" / CLASS_FILE
    assert isinstance(load_any_policy(copy.parent).network, CustomNetwork)
    copy.write_text(copy.read_text() + "\n")
    with pytest.raises(PolicyError, match="is not the class that was trained"):
        load_any_policy(copy.parent)


def test_what_needs_the_pointer_network_refuses_a_policy_with_another(
    write: Write, tmp_path: Path
) -> None:
    run_of(tmp_path, write(example("mine.py"))).begin()
    with pytest.raises(PolicyError, match="know this project's network only"):
        load_policy(tmp_path / "run" / "policy")


def test_a_class_that_cannot_be_loaded_leaves_no_run_behind(tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="there is no file"):
        run_of(tmp_path, "no_such_file.py:Net")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("network", "init_from", "policies/microfactory"),
        ("expert_iteration", "iterations", 2),
        ("logging", "export_bundle", True),
    ],
)
def test_settings_that_need_the_pointer_network_are_refused(
    section: str, key: str, value: object
) -> None:
    data: dict[str, dict[str, object]] = {"network": {"class": "mine.py:Net"}}
    data.setdefault(section, {})[key] = value
    with pytest.raises(ConfigError) as caught:
        parse_config(data, "a.toml")
    assert str(caught.value) == (
        f"a.toml: {section}.{key} needs this project's network; leave it or the class out."
    )


def test_a_config_with_an_own_network_is_written_and_read_and_exports_no_bundle(
    tmp_path: Path,
) -> None:
    config = parse_config({"network": {"class": "mine.py:Net"}}, "a.toml")
    assert not config.logging.export_bundle
    (tmp_path / "copy.toml").write_text(to_toml(config))
    assert 'class = "mine.py:Net"' in to_toml(config)
    assert read_config(tmp_path / "copy.toml") == config


BROKEN = [
    ("raise ValueError('no')", r"mine\.py:8: ValueError: no"),
    ("return rows @ rows, shop[:, 0]", r"mine\.py:8: RuntimeError"),
    ("return rows[:, :1], shop[:, 0]", r"mine\.py:7: logits have the shape \(\d+, 1\)"),
    ("return rows[:, 0], shop", r"mine\.py:7: values have the shape"),
    ("return rows[:, 0]", r"mine\.py:7: forward returned Tensor"),
]


@pytest.mark.parametrize(("line", "message"), BROKEN, ids=[line for line, _ in BROKEN])
def test_an_error_in_forward_names_file_and_line(
    line: str, message: str, write: Write, tmp_path: Path
) -> None:
    text = (
        "from torch import nn\n\nclass Net(nn.Module):\n"
        "    def __init__(self, *sizes):\n        super().__init__()\n"
        "        self.layer = nn.Linear(1, 1)\n"
        f"    def forward(self, rows, sample, machines, shop):\n        {line}\n"
    )
    with pytest.raises(UserCodeError, match=rf"network\.class = .*{message}"):
        run_of(tmp_path, write(text)).begin()


MAKES = [
    ("class Net:\n    def __init__(self):\n        pass\n", r"mine\.py: TypeError"),
    ("def Net(*sizes):\n    return 5\n", r"makes a int; must be a torch\.nn\.Module"),
    ("import torch\ndef Net(*sizes):\n    return torch.nn.ReLU()\n", "no parameters to learn"),
    ("def Net(*sizes):\n    return 1 / 0\n", r"mine\.py:2: ZeroDivisionError"),
]


@pytest.mark.parametrize(("text", "message"), MAKES, ids=range(len(MAKES)))
def test_a_class_that_makes_no_module_is_refused(
    text: str, message: str, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(UserCodeError, match=message):
        run_of(tmp_path, write(text))._open()


# --- loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("x = (\n", "Net", r"mine\.py:1: SyntaxError"),
        ("import no_such_package\n", "Net", r"mine\.py:1: ModuleNotFoundError"),
        ("def Nett(): ...\n", "Net", r"no class or function Net\. Write 'Nett'"),
        ("Net = 5\n", "Net", "no class or function Net"),
    ],
)
def test_code_that_cannot_be_loaded_is_refused_with_its_line(
    text: str, name: str, message: str, write: Write
) -> None:
    with pytest.raises(UserCodeError, match=message):
        load_user_code("network.class", write(text, name))


@pytest.mark.parametrize("setting", ["mine.py", "mine.py:", ":Net", "mine.py:a b", "Net"])
def test_a_setting_without_file_and_name_is_refused(setting: str) -> None:
    with pytest.raises(UserCodeError, match=r"must be FILE\.py:NAME or MODULE:NAME"):
        load_user_code("network.class", setting)


def test_files_and_modules_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UserCodeError, match="there is no file"):
        load_user_code("network.class", "no_such_file.py:Net")
    with pytest.raises(UserCodeError, match="cannot be imported"):
        load_user_code("network.class", "no_such_module:Net")


def test_a_class_can_come_from_an_installed_module() -> None:
    assert load_user_code("network.class", "torch.nn:Linear").function is torch.nn.Linear


# --- loggers --------------------------------------------------------------------------------------


def log_run(folder: Path, setting: str) -> None:
    trainer(folder / "run", {"learning": SHORT, "logging": {"hook": setting}}).begin()


def test_a_logger_gets_every_scalar_of_tensorboard_with_its_step(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, float, int]] = []
    text = (
        "calls = []\n"
        "def make_logger(folder, config):\n"
        "    calls.append((folder.name, config['learning']['total_timesteps']))\n"
        "    def log(scalars, step):\n        calls.append((dict(scalars), step))\n"
        "    log.close = lambda: calls.append('closed')\n    return log\n"
    )
    setting = write(text, "make_logger")
    add = SummaryWriter.add_scalar

    def add_scalar(self: Any, tag: str, value: float, step: int) -> None:
        if not str(self.log_dir).endswith("best_rule"):
            written.append((tag, float(value), step))
        add(self, tag, value, step)

    monkeypatch.setattr(SummaryWriter, "add_scalar", add_scalar)
    log_run(tmp_path, setting)
    module = next(m for m in sys.modules.values() if getattr(m, "__file__", "") == setting[:-12])
    first, *calls, last = module.calls
    assert first == ("run", 256)
    assert last == "closed"
    given = [(tag, value, step) for scalars, step in calls for tag, value in scalars.items()]
    assert given == written
    assert {step for *_, step in given} == {0, 128, 256}
    assert all(isinstance(value, float) for _, value, _ in given)


class FakeRun:
    """Recorder of the calls of Weights and Biases, and of MLflow."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., FakeRun]:
        def call(*arguments: Any, **settings: Any) -> FakeRun:
            self.calls.append((name, (arguments, settings)))
            return self

        return call


@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("wandb", ["init", "log", "finish"]),
        ("mlflow", ["start_run", "log_params", "log_metrics", "end_run"]),
    ],
)
def test_the_loggers_of_the_guide_report_a_run(
    package: str, names: list[str], write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, module = FakeRun(), types.ModuleType(package)
    module.__getattr__ = fake.__getattr__  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, package, module)
    file = f"{package}_logger.py"
    log_run(tmp_path, write(example(file), "make_logger", file))
    assert list(dict.fromkeys(name for name, _ in fake.calls)) == names
    steps = [call[1]["step"] for name, call in fake.calls if name in ("log", "log_metrics")]
    assert steps == sorted(steps)
    assert steps[-1] == 256


def test_a_logger_that_fails_is_dropped_and_the_training_goes_on(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "def make_logger(folder, config):\n    return lambda scalars, step: 1 / 0\n"
    log_run(tmp_path, write(text, "make_logger"))
    errors = capsys.readouterr().err
    assert errors.count("mine.py:2: ZeroDivisionError") == 1
    assert "The training goes on without this logger." in errors
    assert (tmp_path / "run" / "validation.json").is_file()


@pytest.mark.parametrize(
    ("body", "message"),
    [("return 5", "returned int; must return a function"), ("1 / 0", r"mine\.py:2: ZeroDivision")],
)
def test_a_logger_that_cannot_be_made_is_refused(
    body: str, message: str, write: Write, tmp_path: Path
) -> None:
    setting = write(f"def make_logger(folder, config):\n    {body}\n", "make_logger")
    config = parse_config({"logging": {"hook": setting}}, "a.toml")
    with pytest.raises(UserCodeError, match=message):
        open_logging_hook(config, tmp_path)
