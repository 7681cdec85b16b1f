"""One module per DVC stage, and the main job. The only place, beside the CLI, that joins the other folders."""
