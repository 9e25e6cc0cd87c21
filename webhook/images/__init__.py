"""What is known of images: files and ConfigMaps of kind ImageFacts, read, aged and followed."""
