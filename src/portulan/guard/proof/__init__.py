"""What a proof by packets asks, and how its answers are judged: whose packets go where, which of them a policy lets through, and what differs."""
