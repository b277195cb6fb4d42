"""How well questions are heard, over tables of cases: reading them, playing them, counting. For scripts/hearing."""
