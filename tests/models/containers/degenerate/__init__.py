"""A model whose masks are none."""
