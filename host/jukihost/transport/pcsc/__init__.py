"""PC/SC: the connection, and what of it blocks, is shared or may be ended.

`connection` is what terminals use. `link` is one context with its thread, `lane` the direct way of
fast calls, `scard` the face of pyscard, `readers` which there are, `holders` who has which card,
`waits` what is waited for in words, `features` what a reader can do itself, `pinstructures` what
one with a pad is told.
"""
