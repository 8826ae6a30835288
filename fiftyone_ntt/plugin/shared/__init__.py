"""What operators and panels share: forms, progress, and the questions that several of them ask."""
