"""What every session is made of: selection, PIN entry, protection, the meaning of refusals."""
