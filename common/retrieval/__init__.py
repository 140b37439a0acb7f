"""Candidate generation: co-visitation and its kin, matrix factorisation, item2vec."""
