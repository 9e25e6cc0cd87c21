"""AdmissionReview in, AdmissionReview out: the codec, the two reviews, and the words of their answers."""
