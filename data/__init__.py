"""Repositories and generated tasks → clean examples with a manifest. Trains and evaluates nothing."""
