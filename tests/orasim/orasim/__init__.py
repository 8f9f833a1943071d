"""A strict simulator of what orabackup needs of Oracle. See README.md beside this package."""
