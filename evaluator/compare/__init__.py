"""Two runs side by side: by their scores, as a gate, or by their masks alone."""
