"""What may not stand in an adapter folder."""

import pickle
import zipfile

import pytest

from hone.errors import RegistryError, UnsafeArtifact
from registry.adapter_files import check_adapter


def test_safetensors_and_text_are_fine(adapter):
    (adapter / "tokenizer.json").write_text("{}")
    (adapter / "empty.txt").write_text("")
    check_adapter(adapter)


@pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.bin", "model.pt", "model.pth", "deep/state.pkl"])
def test_a_file_named_like_a_pickle_is_refused_by_name(adapter, name):
    path = adapter / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"anything")
    with pytest.raises(UnsafeArtifact, match=path.name):
        check_adapter(adapter)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_under_the_name_of_safetensors_is_refused(adapter, protocol):
    (adapter / "adapter_model.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}, protocol=protocol))
    with pytest.raises(UnsafeArtifact, match="can run code"):
        check_adapter(adapter)


def test_a_pickle_under_a_harmless_name_is_refused(adapter):
    (adapter / "notes.json").write_bytes(pickle.dumps([1]))
    with pytest.raises(UnsafeArtifact, match=r"notes\.json"):
        check_adapter(adapter)


def test_a_torch_archive_under_a_harmless_name_is_refused(adapter):
    with zipfile.ZipFile(adapter / "weights", "w") as archive:
        archive.writestr("data.pkl", b"")
    with pytest.raises(UnsafeArtifact, match="weights"):
        check_adapter(adapter)


def test_a_link_to_somewhere_else_is_refused(adapter, tmp_path):
    (adapter / "config.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeArtifact, match="link"):
        check_adapter(adapter)


def test_a_folder_without_weights_is_named(adapter):
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(RegistryError, match="holds no `adapter_model"):
        check_adapter(adapter)


def test_a_header_whose_length_looks_like_a_pickle_is_no_pickle(adapter):
    header = b"{" + b" " * 638 + b"}"  # 640 bytes: the length starts with 0x80 0x02
    (adapter / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    check_adapter(adapter)
