"""Where user code runs: one step at a time, on whatever executor. Knows no queue, no history and no screen."""
