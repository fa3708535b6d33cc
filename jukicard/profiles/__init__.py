"""Kinds of cards and how one is issued: which applications it has and what is written into them."""

from jukicard.profiles.builder import issue_card
from jukicard.profiles.catalogue import PROFILES, Profile
from jukicard.profiles.order import CardKeys, Pins, Printed, ProfileError

__all__ = ["PROFILES", "CardKeys", "Pins", "Printed", "Profile", "ProfileError", "issue_card"]
