"""For people who test with the card: its environment, its faults, and a pytest plugin."""
