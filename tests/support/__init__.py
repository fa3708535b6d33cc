"""What tests share: the vector loader and independent oracles; no tests in here."""
