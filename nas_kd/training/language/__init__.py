"""Training of language models: one loop, what it minimises, and fine-tuning."""
