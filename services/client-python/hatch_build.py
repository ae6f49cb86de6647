"""Makes the messages and stubs from the schema, so that nothing is described twice.

In a checkout the schema is in ../../proto, in a source distribution in proto beside this file.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SchemaHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate(Path(self.root))


def generate(root: Path) -> None:
    import grpc_tools
    from google.api import annotations_pb2
    from grpc_tools import protoc

    here = root / "proto"
    schema = here if here.is_dir() else root.parents[1] / "proto"
    # What the window keeps for itself is no part of the interface.
    files = sorted(
        str(path.relative_to(schema))
        for path in (schema / "single_window").rglob("*.proto")
        if "stored" not in path.parts
    )
    if not files:
        raise SystemExit(f"no schema in {schema}; install from a checkout or a source distribution")
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    google = Path(annotations_pb2.__file__).parents[2]
    # pip builds in an environment of its own, whose programs need not be in PATH.
    plugins = Path(sys.executable).parent, *(Path(entry) for entry in sys.path)
    target = root / "src"
    arguments = [
        "protoc", f"-I{schema}", f"-I{google}", f"-I{well_known}",
        f"--python_out={target}", f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}", f"--mypy_grpc_out=quiet:{target}",
    ]
    for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc"):
        arguments.append(f"--plugin={name}={_program(name, plugins)}")
    if protoc.main([*arguments, *files]) != 0:
        raise SystemExit("the schema cannot be compiled")


def _program(name: str, places: tuple[Path, ...]) -> str:
    import os
    import shutil

    beside = [place / name for place in places]
    # …/lib/python3.x/site-packages stands beside …/bin.
    beside += [place.parents[2] / "bin" / name for place in places if len(place.parents) > 2]
    beside += [place.parents[1] / "Scripts" / f"{name}.exe" for place in places if len(place.parents) > 1]
    found = next((str(path) for path in beside if path.is_file() and os.access(path, os.X_OK)), None)
    found = found or shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} of mypy-protobuf is not installed")
    return found


if __name__ == "__main__":
    generate(Path(__file__).parent.resolve())
