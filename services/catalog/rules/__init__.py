"""What may be, without any input or output: states, codes, levels and the form of import files."""
