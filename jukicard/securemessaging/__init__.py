"""Secure messaging as the card speaks it: sessions, their schemes, and how a session comes about.

`session` says what every scheme offers to the card; `iso7816` is one. `mutual`, `terminal`, `chip`
and `pace` do the card's part of the authentications that session keys come from.
"""
