"""How good generated images and masks are, beside what real ones differ by among themselves."""
