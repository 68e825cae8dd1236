"""What the demo plays with: small honest servers, a visitor, a song, and programs whose talk is gathered as it comes."""
