"""Matrix products run in bfloat16 where the hardware has instructions for them, and nowhere by itself else."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from hone.records import Example
from training import precision
from training.config import TrainConfig
from training.finetune import finetune
from training.optimizer import Muon, orthogonal

SHAPES = ((64, 64), (48, 176), (176, 48))


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this machine one without a GPU, whose processor has these instructions."""

    def has(*instructions: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(instructions, True))

    return has


@pytest.mark.parametrize(
    ("instructions", "chosen"),
    [
        (("avx2", "fma3"), torch.float32),
        (("avx2", "avx512_f", "avx512_vnni"), torch.float32),
        (("avx512_f", "avx512_bf16"), torch.bfloat16),
        (("amx_tile", "amx_bf16"), torch.bfloat16),
        (("neon", "bf16"), torch.bfloat16),
        (("neon",), torch.float32),
    ],
)
def test_a_processor_gets_bfloat16_where_it_has_the_instructions(
    processor: Callable[..., None], instructions: tuple[str, ...], chosen: torch.dtype
) -> None:
    processor(*instructions)
    assert precision.product_dtype("auto") == chosen


def test_weights_that_are_held_in_bfloat16_multiply_in_it(processor: Callable[..., None]) -> None:
    processor("avx2")
    assert precision.product_dtype("auto", "bfloat16") == torch.bfloat16
    assert precision.product_dtype("fp32", "bfloat16") == torch.float32


def test_a_recipe_that_says_its_precision_has_it_everywhere(processor: Callable[..., None]) -> None:
    processor()
    assert precision.product_dtype("bf16") == torch.bfloat16
    processor("amx_bf16")
    assert precision.product_dtype("fp32") == torch.float32


def test_a_graphics_processor_that_only_emulates_bfloat16_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda *, including_emulation: asked.append(including_emulation)
    )
    assert precision.product_dtype("auto") == torch.float32
    assert asked == [False]


@pytest.mark.parametrize(("held", "told"), [("float32", "in fp32"), ("bfloat16", "in bf16")])
def test_a_run_says_which_precision_it_took(
    processor: Callable[..., None],
    base: Path,
    examples: list[Example],
    train_config: Callable[..., TrainConfig],
    tmp_path: Path,
    *,
    held: str,
    told: str,
) -> None:
    processor("avx2")
    said: list[str] = []
    finetune(
        str(base),
        examples,
        train_config(precision="auto", base_dtype=held, steps=2),
        base_name="base",
        key="said",
        checkpoints=tmp_path,
        out=tmp_path / "adapter",
        listeners=(),
        said=said.append,
    )
    assert said[-1].endswith(told)


def test_no_product_of_a_run_in_float32_is_in_bfloat16() -> None:
    matrix = torch.randn(48, 176)
    with _Types() as seen:
        orthogonal(matrix, torch.float32)
    assert seen.types == {torch.float32}


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_muon_takes_the_steps_of_the_library_s_own(weight_decay: float) -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape) / 50) for shape in SHAPES]
    theirs = [nn.Parameter(one.detach().clone()) for one in ours]
    own = Muon(ours, learning_rate=0.01, weight_decay=weight_decay, products=torch.bfloat16)
    library = torch.optim.Muon(theirs, lr=0.01, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        own.step()
        library.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_an_orthogonal_matrix_has_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(48, 176), torch.float32))
    assert values.min() > 0.5
    assert values.max() < 1.5


class _Types(torch.overrides.TorchFunctionMode):
    """Hears of which types the operands of matrix products are."""

    def __init__(self) -> None:
        super().__init__()
        self.types: set[torch.dtype] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if getattr(func, "__name__", "") in {"matmul", "__matmul__", "addmm", "mm"}:
            self.types |= {one.dtype for one in args if isinstance(one, torch.Tensor)}
        return func(*args, **(kwargs or {}))
