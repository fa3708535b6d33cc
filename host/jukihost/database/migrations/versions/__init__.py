"""The steps of the history; each says itself what it changes, and imports no table of today."""
