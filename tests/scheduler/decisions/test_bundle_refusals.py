"""Bundles that cannot be trusted are refused before anything is swapped."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="exporting needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

import onnx
from onnx import helper

from agents.bundle_manifest import KEY_VARIABLE, read_bundle_key
from agents.network.onnx_export import main as export
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.bundle_files import MAX_BUNDLE_FILES, BundleError, unpack_arrays
from scheduler.decisions.loaded_policy import (
    BundleAdmission,
    load_scheduler_policy,
    reload_scheduler_policy,
)
from tests.builders.exported_bundle import FACTS, change_manifest, trained_policy
from tests.builders.snapshots import FACTORY

KEY = b"a key of enough bytes"
OWN = BundleAdmission(foreign="refuse")
FILES = ("manifest.json", "policy.onnx", "weights.npz", "config.toml")


@pytest.fixture
def folder(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


# --- manifest -------------------------------------------------------------------------------------


def edit(folder: Path, before: str, after: str) -> None:
    """Edit the text of a manifest by hand."""
    path = folder / "manifest.json"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k1=2", "k1=3"),
        ('"steps": 1', '"steps": 2'),
        ('"unit": "ticks"', '"unit": "hours"'),
        ('"evaluation": null', '"evaluation": {}'),
        ('{\n "actions"', '{\n "added": 1,\n "actions"'),
    ],
    ids=["rule", "training", "unit", "evaluation", "added"],
)
def test_bug_a_manifest_cannot_be_edited_unnoticed(folder: Path, before: str, after: str) -> None:
    """Only the other files had checksums: another rule was taken over."""
    Bundle(folder)
    edit(folder, before, after)
    with pytest.raises(BundleError, match=r"manifest\.json: manifest_sha256 is not the checksum"):
        Bundle(folder)


def test_the_layout_of_a_manifests_text_is_not_sealed(folder: Path) -> None:
    edit(folder, "{\n", "{\n\n\n")
    Bundle(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda manifest: manifest.pop("training"), r"training\.factories is missing"),
        (lambda manifest: manifest.update(training=[]), r"training\.factories is missing"),
        (lambda manifest: manifest["training"].update(factories="all"), "not a list of texts"),
        (lambda manifest: manifest["training"].update(factories=[3]), "not a list of texts"),
        (lambda manifest: manifest.pop("fallback_rules"), "fallback_rules is missing"),
        (lambda manifest: manifest.update(fallback_rules=["EDD"]), "not a table of texts"),
        (lambda manifest: manifest["fallback_rules"].update(tiny=3), "not a table of texts"),
        (lambda manifest: manifest["sha256"].update({"policy.onnx": None}), "sha256 is missing"),
        (
            lambda manifest: manifest["fallback_rules"].update(microfactory="BEST"),
            "it must be a rule",
        ),
        (lambda manifest: manifest.update(format=2), r"format = 2; 3 is .*onnx_export POLICY"),
    ],
)
def test_bug_entries_of_another_type_are_refused(
    folder: Path, change: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    """``/v1/policy`` failed with such a bundle."""
    change_manifest(folder, change)
    with pytest.raises(BundleError, match=reason):
        reload_scheduler_policy(folder, FACTORY, OWN)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"3", b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 100_000],
    ids=["empty", "cut off", "number", "UTF-16", "deep list", "deep table"],
)
def test_bug_a_manifest_that_is_no_table_is_refused(folder: Path, content: bytes) -> None:
    """A deep one ended the request with an internal error."""
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json: is (not JSON|no JSON object)"):
        Bundle(folder)


# --- signature ------------------------------------------------------------------------------------


def test_with_a_key_only_bundles_of_that_key_are_used(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"has no signature; .* Export again with --sign-key"):
        Bundle(folder, KEY)
    change_manifest(folder, key=KEY)
    assert Bundle(folder, KEY).manifest["manifest_hmac"]
    Bundle(folder)
    with pytest.raises(BundleError, match="has another key's signature"):
        Bundle(folder, KEY[::-1])


def test_a_changed_bundle_cannot_keep_its_signature(folder: Path) -> None:
    change_manifest(folder, key=KEY)
    signature = Bundle(folder, KEY).manifest["manifest_hmac"]
    rule = {"fallback_rules": {"microfactory": "EDD"}}
    change_manifest(folder, lambda manifest: manifest.update({**rule, "manifest_hmac": signature}))
    edit(folder, '"manifest_sha256"', f'"manifest_hmac": "{signature}", "manifest_sha256"')
    Bundle(folder)
    with pytest.raises(BundleError, match="has another key's signature"):
        Bundle(folder, KEY)


@pytest.mark.parametrize("signature", [3, None, "", "\u00e9"])
def test_a_signature_of_another_type_is_refused(folder: Path, signature: Any) -> None:
    change_manifest(folder)
    text = (folder / "manifest.json").read_text()
    value = {3: "3", None: "null"}.get(signature, f'"{signature}"')
    (folder / "manifest.json").write_text(text[:-1] + f', "manifest_hmac": {value}}}')
    with pytest.raises(BundleError, match="signature"):
        Bundle(folder, KEY)


def test_a_rule_without_the_signature_is_not_used_either(folder: Path) -> None:
    assert load_scheduler_policy(folder, FACTORY, BundleAdmission(KEY)).rule.name == "ATCS"
    change_manifest(folder, lambda manifest: manifest["fallback_rules"].update(microfactory="EDD"))
    (folder / "policy.onnx").unlink()
    assert load_scheduler_policy(folder, FACTORY).rule.name == "EDD"
    assert load_scheduler_policy(folder, FACTORY, BundleAdmission(KEY)).rule.name == "ATCS"


def test_keys_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert read_bundle_key(None) == b""
    monkeypatch.setenv(KEY_VARIABLE, "another key of enough bytes")
    assert read_bundle_key(None) == b"another key of enough bytes"
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert read_bundle_key(tmp_path / "key") == KEY
    (tmp_path / "key").write_bytes(b"short\n")
    with pytest.raises(ValueError, match="key: has 5 bytes; a key must have at least 16"):
        read_bundle_key(tmp_path / "key")
    with pytest.raises(ValueError, match=r"none: cannot be read \(No such file"):
        read_bundle_key(tmp_path / "none")


def test_an_export_is_signed_with_the_key_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.network.trained_policy import save_policy

    monkeypatch.setattr("agents.network.onnx_export.to_onnx", lambda policy: b"model")
    save_policy(tmp_path / "policy", trained_policy(), "seed = 0\n", FACTS)
    (tmp_path / "key").write_bytes(KEY)
    arguments = [str(tmp_path / "policy"), str(tmp_path / "bundle")]
    assert export([*arguments, "--sign-key", str(tmp_path / "key")]) == 0
    with pytest.raises(BundleError, match=r"policy\.onnx"):  # and not the signature
        Bundle(tmp_path / "bundle", KEY)
    assert export([*arguments, "--sign-key", str(tmp_path / "none")]) == 1


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_bug_a_pipe_is_refused_without_waiting_for_it(folder: Path, name: str) -> None:
    """Reading it waited for ever."""
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BundleError, match=f"{name}: is no regular file"):
        Bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_bug_a_device_is_refused_without_reading_it(folder: Path, name: str) -> None:
    """Reading it took all memory."""
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match=f"{name}: is no regular file"):
        Bundle(folder)


def test_a_pipe_that_takes_a_files_name_at_the_last_moment_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, look, swapped = folder / "policy.onnx", os.stat, list[Path]()

    def swap_after(name: Any, **settings: Any) -> os.stat_result:
        state = look(name, **settings)
        if name == path and not swapped:
            swapped.append(path)
            path.unlink()
            os.mkfifo(path)
        return state

    monkeypatch.setattr(os, "stat", swap_after)
    with pytest.raises(BundleError, match=r"policy\.onnx: is no regular file"):
        Bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_bug_a_large_file_is_refused_without_reading_it(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(folder / name, MAX_BUNDLE_FILES[name] + 1)
    opened = list[Any]()
    monkeypatch.setattr(os, "fdopen", lambda handle, mode: opened.append(handle))
    if name == "manifest.json":
        with pytest.raises(BundleError, match=f"at most {MAX_BUNDLE_FILES[name]} are allowed"):
            Bundle(folder)
        assert not opened
    monkeypatch.undo()
    with pytest.raises(BundleError, match=f"{name}: has .* are allowed"):
        Bundle(folder)


def test_a_link_to_a_regular_file_is_read(folder: Path) -> None:
    (folder / "policy.onnx").rename(folder / "newest.onnx")
    (folder / "policy.onnx").symlink_to("newest.onnx")
    Bundle(folder)


# --- weights --------------------------------------------------------------------------------------


def archive(*members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as file:
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def array(shape: tuple[int, ...], content: bytes, kind: str = "<f4") -> bytes:
    """Return the file of an array with a header that may promise more than it has."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue() + content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive(("a.npy", bytes(10**6)), how=zipfile.ZIP_DEFLATED), "stored without compression"),
        (archive(("a.npy", array((10**9, 4), bytes(16)))), "promises 16000000000 bytes and has 16"),
        (archive(("a.npy", array((4,), bytes(15)))), "promises 16 bytes and has 15"),
        (archive(("a.npy", array((4,), bytes(64), "|O"))), "promises"),
        (archive(("a.npy", b"no array")), "magic string"),
        (archive(*((f"{i}.npy", array((1,), bytes(4))) for i in range(300))), "at most 256"),
        (b"no archive", "is no archive of arrays"),
        (archive(("a.npy", array((4,), bytes(16))))[:-30], "is no archive of arrays"),
    ],
    ids=["packed", "huge", "short", "objects", "text", "many", "no archive", "cut off"],
)
def test_bug_arrays_are_refused_before_they_are_unpacked(content: bytes, reason: str) -> None:
    """3 MB unpacked to 3 GB."""
    with pytest.raises(ValueError, match=reason):
        unpack_arrays(content)


def test_arrays_that_share_their_bytes_are_refused() -> None:
    """A directory may list the same bytes often, so that they unpack to much more."""
    content = archive(("a.npy", array((1000,), bytes(4000))), ("b.npy", array((1,), bytes(4))))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        start = file.start_dir
        entry = content[start : content.index(b"PK\x01\x02", start + 4)]
    copies = b"".join(entry.replace(b"a.npy", f"{i}.npy".encode()) for i in range(9))
    end = bytearray(content[content.rindex(b"PK\x05\x06") :])
    end[8:12] = (9).to_bytes(2, "little") * 2
    end[12:16] = len(copies).to_bytes(4, "little")
    with pytest.raises(ValueError, match="arrays must be stored without compression"):
        unpack_arrays(content[:start] + copies + bytes(end))


def test_arrays_are_unpacked_as_numpy_does() -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b.c": np.asfortranarray(np.eye(3, dtype="<f4"))}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    unpacked = unpack_arrays(buffer.getvalue())
    assert list(unpacked) == list(arrays)
    for name, expected in arrays.items():
        np.testing.assert_array_equal(unpacked[name], expected)


def test_bug_a_model_that_demands_gigabytes_is_refused(folder: Path) -> None:
    model = onnx.load(str(folder / "policy.onnx"))
    for made in model.graph.node:
        made.output[:] = ["small" if name == "value" else name for name in made.output]
    model.graph.initializer.append(helper.make_tensor("size", 7, [1], [10**10]))
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["size"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
            helper.make_node("Add", ["small", "sum"], ["value"]),
        ]
    )
    (folder / "policy.onnx").write_bytes(model.SerializeToString())
    change_manifest(folder)
    with pytest.raises(BundleError, match=r"policy\.onnx: onnxruntime cannot (run|load) it"):
        Bundle(folder)


def test_bug_weights_are_not_read_from_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "weights.bin").write_bytes(bytes(16))
    model = onnx.load("policy.onnx")
    far = model.graph.initializer.add(name="far", data_type=1, dims=[4], data_location=1)
    far.external_data.add(key="location", value="weights.bin")
    (folder / "policy.onnx").write_bytes(model.SerializeToString())
    change_manifest(folder)
    with pytest.raises(BundleError, match="the values of the tensor 'far' lie in another file"):
        Bundle(folder)


# --- factory --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda manifest: manifest["training"].update(factories=["green"]),
            r"training\.factories = green; the policy must have been trained on microfactory",
        ),
        (
            lambda manifest: manifest.update(fallback_rules={"green": "EDD"}),
            "fallback_rules has none for microfactory; the tuned rule of the factory is required",
        ),
    ],
    ids=["other factory", "no tuned rule"],
)
def test_a_bundle_of_another_factory_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    assert reload_scheduler_policy(folder, FACTORY, OWN).bundle is not None
    change_manifest(folder, change)
    with pytest.raises(BundleError, match=reason):
        reload_scheduler_policy(folder, FACTORY, OWN)
    loaded = load_scheduler_policy(folder, FACTORY, OWN)
    assert loaded.bundle is None
    assert "--foreign compare" in str(loaded.fault)
