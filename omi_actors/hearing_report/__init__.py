"""How well questions are heard, measured over tables of cases: reading them, playing them, counting. Used by scripts/."""
