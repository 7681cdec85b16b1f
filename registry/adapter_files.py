"""What an adapter folder may hold: weights as safetensors and plain text, never a file that can run code when read."""

from pathlib import Path

from hone.errors import RegistryError, UnsafeArtifact

WEIGHTS = "adapter_model.safetensors"
PICKLE_SUFFIXES = (".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth")
ZIP_START = b"PK\x03\x04"  # what torch.save writes
PICKLE_START = 0x80  # the PROTO opcode, then the protocol's number (CPython's pickletools)
PICKLE_PROTOCOLS = range(2, 6)
HEADER_AT = 8  # safetensors: eight bytes of length, then a JSON object


def check_adapter(folder: Path) -> None:
    """Raises `UnsafeArtifact` naming the first unsafe file, `RegistryError` where there are no weights."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise UnsafeArtifact(f"`{path}` is a link; an adapter must hold its files itself")
        if path.is_file() and _is_unsafe(path):
            raise UnsafeArtifact(
                f"`{path}` can run code when it is read; save the adapter as `{WEIGHTS}` "
                "(`save_pretrained(..., safe_serialization=True)`) and remove this file"
            )
    if not (folder / WEIGHTS).is_file():
        raise RegistryError(f"`{folder}` holds no `{WEIGHTS}`; run `hone repro` to train the adapter")


def _is_unsafe(path: Path) -> bool:
    """By name, and by content where a name hides what a file is."""
    if path.name.endswith(PICKLE_SUFFIXES):
        return True
    with path.open("rb") as file:
        start = file.read(HEADER_AT + 1)
    if path.suffix == ".safetensors":
        return start[HEADER_AT:] != b"{"
    is_pickle = len(start) > 1 and start[0] == PICKLE_START and start[1] in PICKLE_PROTOCOLS
    return is_pickle or start.startswith(ZIP_START)
