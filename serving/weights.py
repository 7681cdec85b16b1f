"""The weights folder: what `serving.convert` writes and the server loads. Holds no pickle and needs no torch.

model.bin, config.json, vocabulary.json   CTranslate2's own files
tokenizer.json                            the tokenizer, exactly as training and evaluation used it
serving.json                              the record `Weights`
"""

from pathlib import Path

import msgspec

from hone.errors import ServingError
from hone.records import Record

RECORD_FILE = "serving.json"
TOKENIZER_FILE = "tokenizer.json"
VOCABULARY_FILE = "vocabulary.json"
FILES = (RECORD_FILE, TOKENIZER_FILE, VOCABULARY_FILE, "config.json", "model.bin")


class Weights(Record, frozen=True):
    """What the server must know of a model beside its numbers."""

    architecture: str  # Transformers' class name, `LlamaForCausalLM`
    quantization: str  # "float32" | "int8"
    context_tokens: int  # prompt and completion together
    eos_token_ids: tuple[int, ...]  # generation ends at any of these
    bos_token_id: int | None  # for information: tokenizer.json adds it to a prompt, or does not
    special_tokens: dict[str, str]  # `eos_token` → its text and so on, the variables of a chat template
    chat_template: str | None  # Jinja, as in Transformers; null for a base model


def read_weights(folder: Path) -> Weights:
    """Reads a weights folder's record. Raises `ServingError` naming what is missing or malformed."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ServingError(
            f"`{folder}` is not a weights folder: `{missing[0]}` is missing; convert the merged model again"
        )
    path = folder / RECORD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Weights)
    except (OSError, msgspec.DecodeError) as error:
        raise ServingError(f"`{path}` is not readable: {error}; convert the merged model again") from error


def read_vocabulary(folder: Path) -> list[str]:
    """Each token's text by its id, as CTranslate2 knows it (padded rows of the embedding included)."""
    path = folder / VOCABULARY_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError) as error:
        raise ServingError(f"`{path}` is not readable: {error}; convert the merged model again") from error
