"""The made-up world: people, places, codes, faces and the authorities that certify them."""
