"""The alphabet: bytes and text of the kernel and the network, to and from the model. Any bytes give a value or a ParseError."""
