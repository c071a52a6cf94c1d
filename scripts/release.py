"""Make the files of a release: ``python -m scripts.release``, called by ``make release``.

The wheel and the sdist are built from the files of the commit, tried in empty environments, and put
into ``dist/`` beside the zipped documentation site, the release notes and ``SHA256SUMS``. Nothing
is tagged, pushed or uploaded: the commands for that are printed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from scripts.installed_check import RunStep, run_command, try_sdist, try_wheel
from scripts.release_rules import ReleaseError, check_release, release_notes

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SUMS, NOTES = "SHA256SUMS", "RELEASE_NOTES.md"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Date of the files in a zip, so that equal sites give equal archives."""


def make_release(root: Path, tag: str | None = None, run: RunStep = run_command) -> str:
    """Make all files of a release in ``dist/``; return its version.

    Parameters
    ----------
    root
        Work tree without uncommitted changes.
    tag
        Tag of the release if it exists already.
    run
        Function that runs a command in a folder.

    Raises
    ------
    ReleaseError
        If the work tree cannot be released, or a step fails.
    """
    version = check_release(root, tag)
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        wheel, sdist = build_distributions(root, dist, folder / "sources", run)
        for artefact, trial in ((wheel, try_wheel), (sdist, try_sdist)):
            place = folder / artefact.name
            place.mkdir()
            trial(artefact, root / "constraints.txt", place, run)
    run(["make", "docs"], root)
    zip_site(root / "site", dist / f"changeover_optimiser-{version}-site.zip")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    (dist / NOTES).write_text(release_notes(changelog, version), encoding="utf-8")
    write_sums(dist)
    return version


def build_distributions(root: Path, dist: Path, sources: Path, run: RunStep) -> tuple[Path, Path]:
    """Build wheel and sdist from the files of the commit; return their paths.

    The wheel is made from the sdist, so a file that the sdist lacks is missed at once.
    """
    archive = subprocess.run(
        ["git", "-C", str(root), "archive", "HEAD"], capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(sources, filter="data")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), "."], sources)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)], root)
    return wheel, sdist


def zip_site(site: Path, path: Path) -> None:
    """Pack a site; equal sites give equal files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in site.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(f"site/{file.relative_to(site).as_posix()}", _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def write_sums(dist: Path) -> None:
    """Write the SHA-256 of each file in a folder, as ``sha256sum --check`` reads them."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(dist.iterdir())
        if file.name != SUMS
    ]
    (dist / SUMS).write_text("".join(lines), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.release", description="Make the files of a release in dist/."
    )
    parser.add_argument("--tag", help="tag of the release, if it exists already (default: none)")
    options = parser.parse_args(arguments)
    try:
        version = make_release(PROJECT_ROOT, options.tag)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    files = sorted(path.name for path in (PROJECT_ROOT / "dist").iterdir())
    print(f"dist/ holds release {version}: {', '.join(files)}")
    if options.tag is None:
        print(f"Tag it: git tag -a v{version} -m 'Release {version}' && git push origin v{version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
