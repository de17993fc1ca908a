"""From a survey to a mission: the questions, the model's draft, what its tester makes of it."""
