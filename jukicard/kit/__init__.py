"""What applications are made of: files, PINs, keys, certificates, privacy, signing, layouts.

`fileapplet` is where an application begins; `secured` adds keys and the life cycle, `certified`
certificates and PACE, `jicsap` what the Japanese card applications have in common.
"""
