"""The reviewers' report: numbers as JSON and one static page."""
