"""The expected answers of each sheet. Whoever reads on finds them; a class is graded with other values."""
