"""The planner's page shows that the newest bundle was refused, why and when."""

from __future__ import annotations

import shutil
import urllib.error
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.browser import Visit
from tests.builders.page_visits import ask
from tests.builders.service_process import ServiceProcess


def test_a_refused_bundle_is_shown_with_its_reason(
    browser: Any, bundle_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    with ServiceProcess(folder, tmp_path) as served:
        (folder / "weights.npz").write_bytes(b"damaged")
        with pytest.raises(urllib.error.HTTPError, match="409"):
            ask(served, "/v1/policy/reload", {})
        policy = ask(served, "/v1/policy")["policy"]
        visit = Visit(browser, served.address)
        visit.open()
        badge = visit.page.get_by_text("newest policy refused")
        badge.wait_for(state="attached")
        reason = badge.get_attribute("title")
        visit.close()
    assert policy["loaded"]
    assert reason == f"{policy['refused']} ({policy['refused_date']})"
    assert reason.startswith("weights.npz: its checksum is not the manifest's")
