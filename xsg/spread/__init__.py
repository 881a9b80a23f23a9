"""Spread: reaction and diffusion, and which law and rates a person's pathology follows."""
