"""Model version → endpoint: images, engines, health, switch, rollback, history. The only folder that talks to Docker."""
