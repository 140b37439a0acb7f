"""What only learners climb: the pages, and by competition the methods that they explain. No competition reads it."""
