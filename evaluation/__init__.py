"""Adapter → measured evidence. Decides nothing: the gate does."""
