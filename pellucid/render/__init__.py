"""Plain data in, text out. Knows of no other room, so that every room may show something."""
