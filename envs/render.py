"""Conda environments for `snakemake --sdm conda`, rendered from requirements.lock.

    python envs/render.py           write envs/*.yaml
    python envs/render.py --check   exit 1 if one of them is stale

The files hold the pins themselves: Snakemake copies an environment file to another folder before it
solves it, where a path to the lock would be wrong.
"""

import re
import sys
from pathlib import Path

from packaging.markers import Marker

HERE = Path(__file__).parent
LOCK = HERE.parent / "requirements.lock"

# The imports of each environment's scripts; the lock's "via" comments name their requirements.
NEEDS = {
    "train": {
        *("torch", "torchvision", "numpy", "pandas", "scikit-learn", "scipy"),
        *("safetensors", "pydantic", "pyyaml", "tqdm", "pyarrow"),
    },
    "analysis": {
        *("numpy", "pandas", "scipy", "matplotlib", "cycler", "tabulate", "jinja2"),
        *("pydantic", "pyyaml"),
    },
}

# The lock serves every platform; an environment serves this one.
PLATFORM = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}

HEADER = """\
# Rendered from requirements.lock by envs/render.py (make envs); do not edit.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - pip
  - pip:
"""


def read_lock(text: str) -> dict[str, tuple[str, set[str]]]:
    """Name -> (pin, names that require it), of the pins that hold on PLATFORM."""
    pins = {}
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        requirement, _, comment = entry.partition("# via")
        pin, _, marker = requirement.split("\\")[0].partition(";")
        if not marker.strip() or Marker(marker).evaluate(PLATFORM):
            parents = {line.strip(" #") for line in comment.splitlines()}
            pins[pin.split("==")[0].strip()] = (pin.strip(), parents)
    return pins


def closure(pins: dict[str, tuple[str, set[str]]], roots: set[str]) -> list[str]:
    """Return the pins of the roots and of all their requirements, direct or not."""
    if missing := roots - pins.keys():
        raise KeyError(f"not in {LOCK.name}: {sorted(missing)}")
    names: set[str] = set()
    new = roots
    while new:
        names |= new
        new = {name for name, (_, parents) in pins.items() if parents & names} - names
    return [pins[name][0] for name in sorted(names)]


def render(roots: set[str]) -> str:
    """Return the text of one environment file."""
    pins = closure(read_lock(LOCK.read_text(encoding="utf-8")), roots)
    return HEADER + "".join(f'      - "{pin}"\n' for pin in pins)


def main() -> None:
    """Write the files, or check that they are up to date."""
    stale = []
    for name, roots in NEEDS.items():
        path, text = HERE / f"{name}.yaml", render(roots)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"stale: {', '.join(stale)}; run make envs")


if __name__ == "__main__":
    main()
