"""Request → endpoint. For now a pass-through that follows the current deployment; holds no model and no torch."""
