"""Batches of crops for training: loading and augmentation."""
