"""The terminal's side: what software imports to drive a Juki card, real or emulated.

Bottom up: a `Connection` carries bytes (`jukihost.transport`), an `ApduChannel` carries commands
(`jukihost.channel`), a session speaks to one application (`jukihost.sessions`). Every failure is a
`jukihost.errors.CardError`.
"""
