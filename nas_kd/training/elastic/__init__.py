"""What all ways of training an elastic supernet have in common."""
