"""Searches of a trained supernet, whose students are judged with the shared weights."""
