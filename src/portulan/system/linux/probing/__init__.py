"""Probes by the sockets of Linux: connections, datagrams and echoes, with the errors and the times that the kernel keeps for them."""
