"""A training set in another language: sentences, their translations, and answers found again."""
