"""The observer: follows pods, keeps what they teach of images, and says which default keeps a pod from running."""
