"""Evidence → verdict → alias: the MLflow server and store, and the gate. Alone talks to MLflow's registry."""
