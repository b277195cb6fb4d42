"""The settings by subject, one file each. Together they are `Settings` (config/variables.py)."""
