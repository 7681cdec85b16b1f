"""Examples → base model and adapter. Measures no quality and registers nothing."""
