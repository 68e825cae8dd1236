"""Packets become flows, and flows become what went through each port; what their first bytes say they are; and who tries doors. Pure but for what reads and listens."""
