"""The voice: codes and facts become sentences, by gettext. English is the source, Japanese is complete. Knows only the model."""
