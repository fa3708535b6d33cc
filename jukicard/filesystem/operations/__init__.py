"""What commands do to files: bytes, records and data objects, each behind its condition."""
