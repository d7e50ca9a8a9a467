"""Where and in which precision a network runs."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch

from contract import CallError

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Device:
    """A torch device and the precision of its matrix work."""

    device: torch.device
    precision: str

    @property
    def is_cuda(self) -> bool:
        """Whether it is an NVIDIA GPU."""
        return self.device.type == "cuda"

    @property
    def layout(self) -> torch.memory_format:
        """Of images: channels last where convolutions run in half precision, which it halves the
        time of; in fp32 on a CPU it costs time."""
        half = self.precision != "fp32"
        return torch.channels_last if half else torch.contiguous_format

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network on this device, in its layout."""
        network.to(self.device)
        for weight in network.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=self.layout)
        return network

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which networks are called; does nothing for fp32."""
        dtype = DTYPES[self.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def describe(self) -> str:
        """For people: "cpu", or the GPU's name."""
        return torch.cuda.get_device_name(self.device) if self.is_cuda else "cpu"


def choose_device(wanted: str, precision: str) -> Device:
    """The device and precision of these settings, with `auto` resolved on this machine.

    Raises CallError for CUDA where there is none, and for fp16 on a CPU.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise CallError(
            "There is no CUDA device.",
            why="the machine has no NVIDIA GPU, or the container was started without one",
            do="set device to auto or cpu, or start the container with a GPU",
        )
    name = "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"
    if precision == "auto":
        precision = "bf16" if name == "cuda" or _cpu_has_bf16() else "fp32"
    if name == "cpu" and precision == "fp16":
        raise CallError("fp16 needs a GPU.", do="set precision to auto, bf16 or fp32")
    return Device(device=torch.device(name), precision=precision)


def _cpu_has_bf16() -> bool:
    """Whether the processor computes in bf16 itself; emulated it is slower than fp32."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text
