"""What testers say of a morning: on Home, by a link in the brief, by a program."""
