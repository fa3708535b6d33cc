"""What an application can do, each feature a class beside the others: an application lists its own.

`files`, `pins`, `keys`, `lifecycle`, `certificates`, `privacy`, `signing`, `cardkey` and, as the
Japanese cards have them, `jicsap`. Each is a `FileApplet` over the state that it works on; one
that another rests on is its base.
"""
