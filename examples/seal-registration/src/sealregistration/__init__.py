"""Seal registration (印鑑登録): the application, its terminal's side, and what both agree on."""

from jukihost import Aid

AID = Aid("F05345414C")  # F0, then SEAL
REGISTRATION, PIN = 0x0001, 0x0002  # the EFs
SIZE = 16  # number (8 digits), day of registration (YYYYMMDD), in ASCII; FF: not registered
