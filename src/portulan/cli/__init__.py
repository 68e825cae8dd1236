"""The command line: turns words into a verb's arguments and its values into text. It decides nothing."""
