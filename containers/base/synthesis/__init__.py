"""What generators share: real pictures as they can be written again, cells cut out and placed."""
