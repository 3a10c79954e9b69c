"""Images as stored, crops cut out of them, and face boxes."""
