"""A run that is killed goes on exactly, a bad loss ends it, and a full disk does not."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hone.errors import NonFiniteLoss, TrainingError
from hone.records import Example, write_records
from training.checkpoints import latest_checkpoint, run_folder
from training.config import TrainConfig
from training.finetune import finetune
from training.saving import load_base, load_tokenizer, save_model
from training.trainer import Listener

Curve = list[dict[str, float]]
Run = Callable[..., Curve]


@pytest.fixture
def run(base: Path, examples: list[Example], train_config: Callable[..., TrainConfig], tmp_path: Path) -> Run:
    def run(key: str, *, listeners: Sequence[Listener] = (), checkpoints: Path = tmp_path, **changes: object) -> Curve:
        return finetune(
            str(base),
            examples,
            train_config(**changes),
            base_name="base",
            key=key,
            checkpoints=checkpoints,
            out=tmp_path / f"adapter-{key}",
            listeners=listeners,
            said=lambda _line: None,
        )

    return run


KILLED = """
import os, signal, sys
from pathlib import Path
from hone.records import read_examples
from training.config import TrainConfig
from training.finetune import finetune

base, examples, config, folder = sys.argv[1:]

def kill(progress):
    if progress.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

finetune(base, read_examples(Path(examples)), TrainConfig.model_validate_json(config), base_name="base", key="killed",
         checkpoints=Path(folder), out=Path(folder) / "never", listeners=[kill], said=print)
"""


def test_the_loss_falls(run: Run) -> None:
    curve = run("falls", steps=40, learning_rate=0.03)
    assert curve[-1]["loss"] < curve[0]["loss"] - 0.05


def test_a_killed_run_resumes_and_ends_with_the_same_losses(
    run: Run, base: Path, examples: list[Example], train_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    whole = run("whole")
    write_records(tmp_path / "examples.jsonl", examples)
    arguments = [str(base), str(tmp_path / "examples.jsonl"), train_config().model_dump_json(), str(tmp_path)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    seen: list[int] = []
    resumed = run("killed", listeners=[lambda progress: seen.append(progress.step)])
    assert seen == [5, 6, 7, 8]  # the checkpoint of step 4 was found
    assert [point["loss"] for point in resumed] == pytest.approx([point["loss"] for point in whole], abs=1e-5)
    first, second = (
        load_file(tmp_path / f"adapter-{key}" / "adapter_model.safetensors") for key in ("whole", "killed")
    )
    assert all(torch.allclose(first[name], second[name], atol=1e-5) for name in first)


def test_a_finished_run_trains_nothing_again(run: Run) -> None:
    first = run("again")
    seen: list[int] = []
    second = run("again", listeners=[lambda progress: seen.append(progress.step)])
    assert seen == []
    assert second == first


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(
    base: Path, examples: list[Example], train_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    broken = load_base(str(base))
    with torch.no_grad():
        broken.get_input_embeddings().weight[:] = float("nan")
    save_model(broken, load_tokenizer(str(base)), tmp_path / "broken")
    with pytest.raises(NonFiniteLoss, match=r"the loss became nan before step 1; lower `learning_rate`"):
        finetune(
            str(tmp_path / "broken"),
            examples,
            train_config(checkpoint_steps=1),
            base_name="base",
            key="nan",
            checkpoints=tmp_path,
            out=tmp_path / "adapter",
            listeners=[],
            said=lambda _line: None,
        )
    assert latest_checkpoint(run_folder(tmp_path, "train", "nan")) is None
    assert not (tmp_path / "adapter").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("a disk of its own needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(run: Run, small_disk: Path, tmp_path: Path) -> None:
    curve = run("full", checkpoints=small_disk)
    assert len(curve) == 8
    assert latest_checkpoint(run_folder(small_disk, "train", "full")) is None
    assert (tmp_path / "adapter-full" / "adapter_model.safetensors").is_file()


def test_a_model_that_cannot_be_written_leaves_nothing_behind(base: Path, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(100_000))
    with pytest.raises(TrainingError, match="could not be written"):
        save_model(load_base(str(base)), load_tokenizer(str(base)), small_disk / "model")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
