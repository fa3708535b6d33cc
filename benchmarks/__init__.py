"""What is measured and how (README.md beside this file); nothing here is asserted in a test."""
