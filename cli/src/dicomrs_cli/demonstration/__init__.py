"""`dicomrs demo`: the main job on one machine, played for real and checked."""
