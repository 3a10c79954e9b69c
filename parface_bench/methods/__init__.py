"""What a method is: its contract, stages, recipe, checkpoint and inference."""
