"""Masked autoencoders as teachers: DMAE and G2SD."""
