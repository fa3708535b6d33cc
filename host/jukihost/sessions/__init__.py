"""Conversations with the applications of a card: one module each, by the application's name.

Every session has its twin in `jukicard.applets`: same module name, same order of operations.
"""
