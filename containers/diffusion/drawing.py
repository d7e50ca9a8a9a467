"""From noise to a picture."""

import torch

from containers.diffusion.network import ClearingNetwork, with_flag
from containers.diffusion.settings import DiffusionSettings


@torch.inference_mode()
def draw(
    network: ClearingNetwork,
    condition: torch.Tensor,
    noise: torch.Tensor,
    settings: DiffusionSettings,
) -> torch.Tensor:
    """1×C×H×W in [-1, 1] for a 1×K×H×W condition and noise of the picture's size.

    Euler's steps along the straight path of rectified flow, from time 1 to 0; the whole picture is
    drawn at once, so that it has no seams. With `guidance` w the clear image that the network sees
    is w times the one under the condition plus 1 - w times the one without.
    """
    noisy, steps = noise, settings.draws
    for step in range(steps):
        time = 1 - step / steps
        clear = _clear(network, noisy, condition, 1.0, time)
        if settings.guidance != 1:
            free = _clear(network, noisy, condition, 0.0, time)
            clear = free + settings.guidance * (clear - free)
        clear = clear.clamp(-1, 1)
        noisy = clear + (noisy - clear) * ((time - 1 / steps) / time)
    return noisy.clamp(-1, 1)


def _clear(
    network: ClearingNetwork,
    noisy: torch.Tensor,
    condition: torch.Tensor,
    shown: float,
    time: float,
) -> torch.Tensor:
    device = noisy.device
    flag = torch.full((1,), shown, device=device)
    times = torch.full((1,), time, device=device)
    clear: torch.Tensor = network(noisy, with_flag(condition, flag), times)
    return clear
