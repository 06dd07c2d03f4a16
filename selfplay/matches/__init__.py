"""Players, matches, ratings and exams."""
