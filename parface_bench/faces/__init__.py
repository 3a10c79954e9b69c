"""What a face is: landmark schemas, flips, regions, conversions, geometry."""
