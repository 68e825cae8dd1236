"""Files of captured packets, as bytes: what they begin with, how their records follow one another, what a record says, and how they are written."""
