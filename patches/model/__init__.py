"""The model: the shapes of Kubernetes' objects, the pod in a document, exact quantities, and the patch builder."""
