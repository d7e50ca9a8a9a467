"""Segment Any Cell: SAM with LoRA, a generator of prompts, and the masks they give."""
