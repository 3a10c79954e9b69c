"""From index table to tensors: crops, augmentation, codecs, loaders."""
