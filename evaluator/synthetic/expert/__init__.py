"""A blinded sheet of real and generated crops for experts, and what their answers are worth."""
