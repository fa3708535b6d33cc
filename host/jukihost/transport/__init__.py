"""Ways to a card: `pcsc` (any reader), `tcp` and `vpcd` (a card program), `replay` (a recording).

None is imported here, so that a program loads only the one it uses.
"""
