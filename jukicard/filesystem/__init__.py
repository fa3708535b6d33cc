"""Files after ISO/IEC 7816-4: declared trees, their contents, and the commands on them.

Knows no application. `files` declares, `store` remembers, `selection` moves, `operations` acts,
`access` decides, `control` describes.
"""
