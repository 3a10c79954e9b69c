"""Recipes, protocols and profiles as data files."""
