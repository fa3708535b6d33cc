"""Cards for a list of people: read, checked, each row bound to a card, by one process or many."""
