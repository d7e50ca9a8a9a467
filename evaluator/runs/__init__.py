"""What a run is: its words, its records, its folder, and the only reader of each file."""
