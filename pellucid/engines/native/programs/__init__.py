"""Programs: whole networks as compiled functions that every worker thread calls once."""
