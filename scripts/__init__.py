"""Programs that a person runs in a checkout; the package behind them is scripts/lab/. No part of the wheel."""
