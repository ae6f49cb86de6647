"""Measures the first minutes of a new user: from nothing but the program `single-window` and this directory to a first
released declaration, by plain curl, Python and TypeScript, as the guides say it.

Each begins with nothing of its own: a data directory, a virtual environment and a copy of the package that were not there
before. What pip and npm load comes from wherever they load it. More than two minutes is a failure.

    python3 tests/sdks/first_minutes.py [target/release/single-window]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = str(ROOT / "docs/examples/import-9610.json")
#: A first released declaration takes no longer, whatever one begins with.
MOST = 120.0


def run(*command: str, data: Path, directory: Path = ROOT) -> str:
    """What a command prints; its end is waited for as long as all of it may take."""
    environment = {**os.environ, "SW_DATA_DIR": str(data)}
    done = subprocess.run(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MOST
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def curl(directory: Path, data: Path) -> str:
    return run("sh", str(ROOT / "docs/examples/http/basic.sh"), EXAMPLE, data=data)


def python(directory: Path, data: Path) -> str:
    environment = directory / "environment"
    run(sys.executable, "-m", "venv", str(environment), data=data)
    # A copy, so that what a build leaves is not found again.
    package = directory / "single-window/services/client-python"
    shutil.copytree(ROOT / "services/client-python", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "proto", directory / "single-window/proto")
    pip = str(environment / "bin/pip")
    run(pip, "install", "--quiet", "--disable-pip-version-check", str(package), data=data)
    return run(str(environment / "bin/python"), str(package / "samples/basic.py"), EXAMPLE, data=data)


def typescript(directory: Path, data: Path) -> str:
    package = directory / "single-window/services/client-typescript"
    left = shutil.ignore_patterns("node_modules", "dist", "gen")
    shutil.copytree(ROOT / "services/client-typescript", package, ignore=left)
    shutil.copytree(ROOT / "proto", directory / "single-window/proto")
    run("node", "build.mjs", data=data, directory=package)
    return run("node", "dist/samples/basic.js", EXAMPLE, data=data, directory=package)


def sandbox(window: str, directory: Path) -> tuple[subprocess.Popen, Path]:
    data = directory / "data"
    command = [window, "sandbox", "--quiet", "--drain-seconds", "1", "--listen", "127.0.0.1:0", "--data-dir", str(data)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + MOST
    while not (data / "address").exists():
        if started.poll() is not None or time.monotonic() > end:
            started.kill()
            raise SystemExit("the sandbox does not start")
        time.sleep(0.05)
    return started, data


def main() -> None:
    window = str(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/single-window").resolve())
    for name, way in {"curl": curl, "Python": python, "TypeScript": typescript}.items():
        with tempfile.TemporaryDirectory(prefix="sw-first.") as made:
            directory = Path(made)
            directory.chmod(0o755)
            begun = time.monotonic()
            started, data = sandbox(window, directory)
            try:
                ready = time.monotonic() - begun
                said = way(directory, data)
            finally:
                started.terminate()
                started.wait(30)
            took = time.monotonic() - begun
        if "RELEASED" not in said:
            raise SystemExit(f"{name}: nothing is released\n{said}")
        print(f"{name}: released {took:.0f} s after nothing was there, the sandbox of it {ready:.0f} s")
        if took > MOST:
            raise SystemExit(f"{name} takes longer than {MOST:.0f} s")


if __name__ == "__main__":
    main()
