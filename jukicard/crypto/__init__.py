"""The card's cryptography: thin typed functions over pyca/cryptography, and nothing that decides.

No input or output, no global state; whoever needs randomness passes it in. Nothing here claims
resistance against side channels: Python is not constant time (comparisons are).
"""
