"""Model version → endpoint: image, engines, health, switch, rollback, history. Only this folder talks to Docker."""
