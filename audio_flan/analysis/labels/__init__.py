"""Labels of closed-set tasks, read out of free-form answers."""
