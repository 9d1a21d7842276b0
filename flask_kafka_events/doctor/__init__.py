"""What is wrong with an app's events, found before they are lost; each group of checks has a file."""
