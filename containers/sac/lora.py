"""Low-rank adapters of the query and value projections (Hu et al., arXiv 2106.09685)."""

from typing import Any

import torch


class LoraQkv(torch.nn.Module):
    """A fused qkv projection W with trained updates: q = W_q x + B_q A_q x, and v alike.

    A starts random and B at 0, so that nothing changes before the first step. Takes and gives what
    the projection does: ...×`in_features` to ...×3·`in_features`.
    """

    def __init__(self, base: torch.nn.Linear, rank: int) -> None:
        super().__init__()
        width = base.in_features
        self.base = base
        self.a_q = torch.nn.Linear(width, rank, bias=False)
        self.b_q = torch.nn.Linear(rank, width, bias=False)
        self.a_v = torch.nn.Linear(width, rank, bias=False)
        self.b_v = torch.nn.Linear(rank, width, bias=False)
        for update in (self.b_q, self.b_v):
            torch.nn.init.zeros_(update.weight)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        q, v = self.b_q(self.a_q(tokens)), self.b_v(self.a_v(tokens))
        projected: torch.Tensor = self.base(tokens)
        return projected + torch.cat([q, torch.zeros_like(q), v], -1)


def add_lora(encoder: Any, rank: int) -> None:
    """Puts a `LoraQkv` in place of the qkv projection of every block of SAM's image encoder."""
    for block in encoder.blocks:
        block.attn.qkv = LoraQkv(block.attn.qkv, rank)


def freeze_all_but_lora(encoder: torch.nn.Module) -> None:
    """Only the adapters keep learning."""
    for weight in encoder.parameters():
        weight.requires_grad = False
    for part in encoder.modules():
        if isinstance(part, LoraQkv):
            for adapter in (part.a_q, part.b_q, part.a_v, part.b_v):
                adapter.weight.requires_grad = True
