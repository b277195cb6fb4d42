"""Pure decisions: values in, values out. No I/O, clock, threads, logging or settings."""
