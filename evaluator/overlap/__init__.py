"""What the pixels say of two masks: sparse overlap tables, and what is matched from them."""
