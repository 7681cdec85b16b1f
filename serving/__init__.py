"""What runs inside the image: an OpenAI-compatible server over CTranslate2. Imports nothing of training, and no torch."""
