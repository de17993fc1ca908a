"""Workouts and stages for the calendar a tester uses: a file, or a feed that renews itself."""
