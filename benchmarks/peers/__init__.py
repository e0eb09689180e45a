"""One worker program for each peer, each in a process of its own."""
