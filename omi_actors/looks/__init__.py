"""What people see of a running system: features, figures, tables, and what is wrong with what to do about it.

Pure functions over readings and health; nothing here asks anybody or waits.
"""
