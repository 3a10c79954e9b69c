"""The model that comes with the package: its weights, its card in their header, and the method that runs them."""
