"""Who teaches: providers of targets other than one frozen network."""
