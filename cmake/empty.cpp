// A layer with no sources yet still is a target.
