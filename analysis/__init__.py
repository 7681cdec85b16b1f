"""What code says of itself. For now: the functions of a Python file, with their docstrings and spans."""
