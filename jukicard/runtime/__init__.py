"""The card's operating system: applications, their firewall, and one command's way through it.

`pipeline` lists the layers a command goes through, `card` is what holds them, `applet` what an
application is. What applications are made of stands in `jukicard.kit`.
"""
