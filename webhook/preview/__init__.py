"""Preview: what admission would make of documents, before anything is admitted."""
