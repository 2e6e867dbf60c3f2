"""Elastic supernets with labels: the sandwich rule and in-place distillation."""
