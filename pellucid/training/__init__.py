"""The one loop that trains and evaluates, and what it reports to."""
