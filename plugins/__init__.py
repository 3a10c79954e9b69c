"""The built-in plugins. They come in through the entry point ``parface_bench``, like anybody else's."""
