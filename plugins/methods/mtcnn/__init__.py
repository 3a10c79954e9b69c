"""MTCNN: its three networks, and the face detector and landmark method that use them."""
