"""What files declare: one file for each kind of configuration, text in, `model.declared` values out.

Nothing here opens a file: a `desk.Files` brings the text. What is not understood becomes a `Problem`, it is never guessed.
"""
