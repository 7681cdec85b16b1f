"""What the image holds is enough for the server, and no more of Hone than the image has."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.serving.tiny import ROOT

KERNEL = {"hone", "hone.errors", "hone.files", "hone.records", "hone.log"}
# Imports the server where only the packages given as arguments exist, and lists what was imported.
IMPORT_SERVER = """
import sys
allowed = {*sys.argv[1:], *sys.stdlib_module_names, "serving", "hone"}
class OnlyAllowed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, OnlyAllowed())
import serving.__main__, serving.healthcheck
print(*sys.modules)
"""


def locked() -> dict[str, int]:
    """Each pinned distribution and how many hashes it has."""
    lock = (ROOT / "serving" / "requirements.lock").read_text()
    pins = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    return {pin.partition("==")[0]: pin.count("--hash=sha256:") for pin in pins}


def imported_with_the_lock_alone() -> set[str]:
    """The modules of a server beside which nothing but the locked distributions is installed."""
    names = {name.lower().replace("_", "-"): name for owners in packages_distributions().values() for name in owners}
    present = {names.get(pin) for pin in locked()}
    packages = [root for root, owners in packages_distributions().items() if present & set(owners)]
    command = [sys.executable, "-c", IMPORT_SERVER, *packages]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    return set(listed.stdout.split())


def test_the_lock_holds_all_that_the_server_imports_and_no_torch() -> None:
    imported = imported_with_the_lock_alone()
    assert "ctranslate2" in imported
    assert imported.isdisjoint({"torch", "transformers", "numpy", "pydantic", "typer", "yaml", "huggingface_hub"})


def test_the_server_imports_of_hone_only_what_the_image_holds() -> None:
    assert {name for name in imported_with_the_lock_alone() if name.partition(".")[0] == "hone"} == KERNEL


def test_the_lock_pins_hashes_and_names_no_host() -> None:
    assert min(locked().values()) > 0
    assert "://" not in (ROOT / "serving" / "requirements.lock").read_text()


def test_the_lock_pins_everything_that_is_asked_for() -> None:
    asked = (ROOT / "serving" / "requirements.in").read_text().splitlines()
    assert {line for line in asked if line and not line.startswith("#")} <= set(locked())
