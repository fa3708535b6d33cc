"""A library card without a PIN: the application, its terminal's side, and what both agree on."""

from jukihost import Aid

AID = Aid("F04C494252415259")  # F0, then LIBRARY
RECORD_SIZE = 18  # book number (10 digits), due date (YYYYMMDD), in ASCII; zeros: free
