"""What each operation means: its shape, its value, its gradient and its cost."""
