"""The hands: the only room that touches the machine. Operating-system errors are translated here."""
