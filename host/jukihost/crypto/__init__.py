"""What the protocols rest on: curves, card verifiable certificates and the symmetric blocks."""
