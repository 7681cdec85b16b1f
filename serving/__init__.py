"""What runs inside the image: an OpenAI-compatible server over CTranslate2, without torch and without training."""
