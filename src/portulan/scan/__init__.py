"""The view from outside: what answers at which port, complete and exact also where packets are lost."""
