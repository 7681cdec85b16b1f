"""Evidence → verdict → alias: the MLflow server and store, and the gate. The only folder that talks to MLflow's registry."""
