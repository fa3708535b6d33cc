"""What sessions come from, the card's part: shared keys, terminal and chip certificates, PACE."""
