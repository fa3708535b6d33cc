"""For people who test with the card: its faults, and applications that nothing may reach."""
