"""Counts of rows and clips, and what is made of them."""
