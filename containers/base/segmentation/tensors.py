"""A network's tensors, each once, even where it holds a part of itself under several names."""

from collections.abc import Mapping

import torch


def own_tensors(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of its state by name, on the CPU; of several names of one, the first."""
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in network.state_dict().items():
        if tensor.data_ptr() not in seen or not tensor.numel():
            found[name] = tensor.detach().cpu().clone()
        seen.add(tensor.data_ptr())
    return found


def put_tensors(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Loads what `own_tensors` gave, or all names; RuntimeError where they do not fit."""
    missing, unexpected = network.load_state_dict(tensors, strict=False)
    state = network.state_dict()
    given = {state[name].data_ptr() for name in tensors if name in state}
    lost = [name for name in missing if state[name].data_ptr() not in given]
    if lost or unexpected:
        raise RuntimeError(f"without {lost[:3]}, and unknown are {unexpected[:3]}")
