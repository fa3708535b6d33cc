"""Signatures made with a key that stays in the card, and the checking of signatures of others.

`key` and `raw` and `cms` (signing only) need nothing beyond the base installation; PDF and XML, the
checking of CMS and of certificates need the extra `sign`. Nothing here talks to a network: what a
certificate is checked against is given as data, the time included.
"""
