"""A checkpoint is whole or it is not read."""

from pathlib import Path

from training.checkpoints import KEPT_RUNS, is_whole, latest_checkpoint, run_folder, run_key, seal


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_text(f"weights of {step}")
    return path


def test_an_unsealed_checkpoint_is_deleted_and_the_one_before_is_taken(tmp_path: Path) -> None:
    seal(checkpoint(tmp_path, 90))
    half = checkpoint(tmp_path, 100)
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint-90"
    assert not half.exists()


def test_a_checkpoint_with_one_changed_byte_is_not_whole(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 10)
    seal(path)
    assert is_whole(path)
    (path / "weights").write_text("weights of 11")
    assert not is_whole(path)


def test_a_checkpoint_with_a_lost_file_is_not_whole(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, 10)
    seal(path)
    (path / "weights").unlink()
    assert latest_checkpoint(tmp_path) is None


def test_only_the_newest_runs_of_a_stage_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_RUNS + 2):
        run_folder(tmp_path, "train", f"key{number}")
    run_folder(tmp_path, "pretrain", "key")
    assert len(list(tmp_path.glob("train-*"))) == KEPT_RUNS
    assert (tmp_path / f"train-key{KEPT_RUNS + 1}").is_dir()


def test_the_key_tells_inputs_apart_wherever_they_are_cut() -> None:
    assert run_key("ab", "c") != run_key("a", "bc")
