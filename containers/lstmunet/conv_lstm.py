"""A convolutional LSTM over the frames of a sequence."""

import torch
from torch.nn.functional import hardsigmoid

KERAS_SLOPE = 1.2
"""Keras' hard sigmoid is clip(0.2 x + 0.5), torch's is clip(x / 6 + 0.5)."""


class ConvLstm(torch.nn.Module):
    """ConvLSTM without peepholes, after Keras' ConvLSTM2D, which the original uses.

    i, f, o = s(W x + U h + b), g = tanh(W x + U h + b), c' = f c + i g, h' = o tanh(c'), where W
    and U are convolutions that keep the size, s is Keras' hard sigmoid, and h and c are 0 before
    the first frame. `input` holds W and b, `recurrent` holds U; their outputs are i, f, g, o in
    this order, `filters` each. Glorot-uniform W, orthogonal U, b = 0 but for the forget gate's, 1.
    """

    def __init__(self, inputs: int, filters: int, kernel: int) -> None:
        super().__init__()
        self.filters = filters
        padding = kernel // 2
        self.input = torch.nn.Conv2d(inputs, 4 * filters, kernel, padding=padding)
        self.recurrent = torch.nn.Conv2d(filters, 4 * filters, kernel, padding=padding, bias=False)

    def initialise(self) -> None:
        """Draws the first weights."""
        torch.nn.init.xavier_uniform_(self.input.weight)
        torch.nn.init.orthogonal_(self.recurrent.weight)
        assert self.input.bias is not None
        with torch.no_grad():
            self.input.bias.zero_()
            self.input.bias[self.filters : 2 * self.filters] = 1

    def forward(self, frames: torch.Tensor, steps: int) -> torch.Tensor:
        """(T·B)×C×H×W, the B images of each of the T = `steps` frames together, to (T·B)×F×H×W.

        W x is computed for all frames at once, and U h not before there is an h.
        """
        hidden: list[torch.Tensor] = []
        cell = None
        for seen in self.input(frames).chunk(steps):
            gates = seen + self.recurrent(hidden[-1]) if hidden else seen
            into, keep, candidate, out = gates.chunk(4, dim=1)
            fresh = _gate(into) * candidate.tanh()
            cell = fresh if cell is None else _gate(keep) * cell + fresh
            hidden.append(_gate(out) * cell.tanh())
        return torch.cat(hidden)


def _gate(values: torch.Tensor) -> torch.Tensor:
    return hardsigmoid(KERAS_SLOPE * values)
