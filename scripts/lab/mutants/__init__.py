"""Mutants: change one operator or constant of the product at a time, and see whether a test fails.

mutations.py finds the changes, run.py tries them, `__main__` is the command. Not here: the tests themselves (tests/).
"""
